"""The structure of the code: small packages, short modules and functions."""

import ast
import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "taskhub"
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.parent.name != "migrations"
)
MAX_MODULES_OF_A_PACKAGE = 15
MAX_LINES_OF_A_MODULE = 350
MAX_LINES_OF_A_FUNCTION = 45


def test_no_package_has_too_many_modules():
    counts = Counter(path.parent for path in MODULES if path.name != "__init__.py")

    assert {
        str(package.relative_to(ROOT)): count
        for package, count in counts.items()
        if count > MAX_MODULES_OF_A_PACKAGE
    } == {}


def test_no_module_is_too_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in MODULES
    }

    assert {
        name: length
        for name, length in lengths.items()
        if length > MAX_LINES_OF_A_MODULE
    } == {}


def test_no_function_is_too_long():
    functions = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {
        name: length
        for name, length in functions.items()
        if length > MAX_LINES_OF_A_FUNCTION
    } == {}


def test_every_package_has_a_docstring():
    packages = [path for path in MODULES if path.name == "__init__.py"]
    silent = [
        str(path.relative_to(ROOT))
        for path in packages
        # Packages whose names Django requires, for commands and template tags.
        if not {"management", "commands", "templatetags"} & set(path.parts)
        and not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


def test_the_picture_of_the_architecture_is_up_to_date():
    spec = importlib.util.spec_from_file_location(
        "draw_architecture", ROOT / "docs" / "draw_architecture.py"
    )
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)

    drawn = drawing.draw(drawing.read_layers())

    assert drawing.PICTURE.read_text() == drawn, "run: python docs/draw_architecture.py"


@pytest.mark.parametrize("page", ["explanation/architecture.md"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / "docs" / page).read_text()
    paths = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", text))

    assert paths
    missing = {
        path
        for path in paths
        if "/" in path or not list(PACKAGE.rglob(path))
        if not (PACKAGE / path).is_file()
    }
    assert missing == set()
