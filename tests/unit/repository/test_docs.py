"""The docs are complete, and the links and names in them exist."""

import argparse
import inspect
import re
import subprocess
import sys
import tomllib
from itertools import chain

import msgspec
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.core.management import BaseCommand, get_commands, load_command_class

from taskhub import exceptions
from taskhub.conf import Options
from taskhub.models import (
    Node,
    PeriodicTask,
    QuarantinedMessage,
    TaskResult,
    TaskResultQuerySet,
)
from taskhub.tasks.decorator import TaskOptions
from taskhub.tasks.options.variants import UsingOptions

ROOT = settings.BASE_DIR
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (DOCS / name).read_text()


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    kept = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.replace(" ", "-") for title in kept}


def documented(text: str) -> set[str]:
    """Return the names that a page quotes as code, without their arguments."""
    outside_blocks = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    quoted = re.findall(r"`([^`]+)`", outside_blocks)
    return {re.match(r"[\w.-]*", each.lstrip("-"))[0] for each in quoted}


def commands() -> list[str]:
    return sorted(name for name, app in get_commands().items() if app == "taskhub")


def test_every_option_is_documented():
    names = {field.name for field in msgspec.structs.fields(Options)}
    assert names <= documented(page("reference/settings.md"))


def test_every_option_of_a_task_is_documented():
    names = TaskOptions.__annotations__.keys() | UsingOptions.__annotations__.keys()
    assert names <= documented(page("reference/tasks.md"))


@pytest.mark.parametrize("model", [TaskResult, QuarantinedMessage, Node])
def test_every_field_is_documented(model):
    names = {field.name for field in model._meta.concrete_fields} - {"id"}
    assert names <= documented(page("reference/results.md"))


def test_every_field_of_a_periodic_task_is_documented():
    columns = PeriodicTask._meta.concrete_fields
    # Fields that only the beat uses.
    own = {"id", "recent_ids", "postponed_until", "look_at"}
    names = {
        field.name
        for field in columns
        if field.name not in own and not field.name.startswith("planned_")
    }
    assert names <= documented(page("reference/schedules.md"))


def test_every_method_of_the_queryset_is_documented():
    names = {
        name
        for name, value in vars(TaskResultQuerySet).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert names <= documented(page("reference/results.md"))


def test_documented_operations_exist():
    text = page("reference/operations.md")
    paths = set(re.findall(r"`(operations\.\w+\.\w+)", text))
    assert paths
    # Use a new process without the admin, because the admin imports these modules.
    apps = ["django.contrib.auth", "django.contrib.contenttypes", "taskhub"]
    begin = [
        "import django",
        "from django.conf import settings",
        f"settings.configure(INSTALLED_APPS={apps})",
        "django.setup()",
        "from taskhub import operations",
    ]
    code = "; ".join([*begin, *sorted(paths)])
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def with_subcommands(parser):
    """Yield a parser and the parsers of its subcommands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from with_subcommands(each)


@pytest.mark.parametrize("name", commands())
def test_every_command_and_its_options_are_documented(name):
    text = page("reference/commands.md")
    parser = load_command_class("taskhub", name).create_parser("manage.py", name)
    common = BaseCommand().create_parser("manage.py", "any")
    known = set(chain.from_iterable(each.option_strings for each in common._actions))
    own = {
        option
        for action in chain.from_iterable(
            each._actions for each in with_subcommands(parser)
        )
        for option in action.option_strings or [action.dest]
        if option not in known
    }

    section = text.partition(f"## `{name}`")[2].partition("\n## ")[0]
    assert section, f"{name} has no section"
    assert {each.lstrip("-") for each in own} <= documented(section)


def test_every_permission_of_taskhub_is_documented():
    models = apps.get_app_config("taskhub").get_models()
    names = {
        f"taskhub.{codename}"
        for model in models
        for codename, _name in model._meta.permissions
    }
    assert names
    assert names <= documented(page("reference/permissions.md"))


def test_the_view_permission_of_every_admin_page_is_documented():
    models = [
        model for model in admin.site._registry if model._meta.app_label == "taskhub"
    ]
    names = {f"taskhub.{get_permission_codename('view', m._meta)}" for m in models}
    assert names
    assert names <= documented(page("reference/permissions.md"))


def test_every_check_is_documented():
    package = ROOT / "taskhub"
    sources = [package / "backend.py", *(package / "checks").glob("*.py")]
    text = "".join(source.read_text() for source in sources)
    ids = set(re.findall(r"taskhub\.[EW]\d{3}", text))
    assert ids
    assert ids <= documented(page("reference/checks.md"))


def test_every_error_is_documented():
    names = {
        name
        for name, value in vars(exceptions).items()
        if inspect.isclass(value) and value.__module__ == exceptions.__name__
    }
    assert names <= documented(page("reference/errors.md"))


def test_errors_are_defined_only_in_exceptions_py():
    roots = re.compile(r"^class \w+\(TaskHubError\b", flags=re.MULTILINE)
    files = (ROOT / "taskhub").rglob("*.py")

    found = {path.name for path in files if roots.search(path.read_text())}

    assert found == {"exceptions.py"}


def test_every_dependency_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [
        *project["dependencies"],
        *chain.from_iterable(project["optional-dependencies"].values()),
        *(ROOT / "requirements.txt").read_text().splitlines(),
    ]
    names = {
        re.split(r"[\[<>=~; ]", line)[0]
        for line in listed
        if line and not line.startswith("#")
    }
    text = page("explanation/stack.md").lower()
    assert {name for name in names if name.lower() not in text} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(path):
    for target in LINK.findall(path.read_text()):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text()), target


def test_every_page_is_reachable_from_the_index():
    seen, todo = set(), [DOCS / "index.md"]
    while todo:
        current = todo.pop()
        seen.add(current)
        for target in LINK.findall(current.read_text()):
            other = (current.parent / target.partition("#")[0]).resolve()
            if other.suffix == ".md" and other.exists() and other not in seen:
                todo.append(other)
    assert set(DOCS.rglob("*.md")) <= seen
