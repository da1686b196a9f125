"""The package that users install."""

import email.policy
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from email import message_from_bytes
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import django
import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.version import Version

from taskhub.compat.requirements import OLDEST_VERSIONS, check_versions
from tests.integration.packaging.conftest import build

pytestmark = pytest.mark.any_database

ROOT = settings.BASE_DIR


def metadata_of(wheel):
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        return message_from_bytes(archive.read(name), policy=email.policy.default)


def test_the_wheel_contains_all_files_of_the_app(wheel):
    with ZipFile(wheel) as archive:
        carried = set(archive.namelist())
        (entry_points,) = (name for name in carried if "entry_points" in name)
        plugins = archive.read(entry_points).decode()

    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "taskhub").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {".lua", ".html", ".css", ".typed"} <= {
        "." + name.rpartition(".")[2] for name in wanted
    }
    assert wanted <= carried
    assert "[pytest11]\ntaskhub = taskhub.pytest_plugin" in plugins
    # Without the demo and the tests: other packages may use their names.
    folders = {name.split("/")[0].split("-")[0] for name in carried}
    assert folders == {"taskhub", "django_taskhub"}


def test_links_of_the_description_lead_to_the_published_files(wheel):
    metadata = metadata_of(wheel)
    _, home = metadata["Project-URL"].split(", ")

    targets = re.findall(r"\[[^]]*\]\(([^)]+)\)", metadata.get_payload())

    assert targets
    for target in targets:
        root, found, path = target.partition("/blob/main/")
        assert root == home
        assert found
        assert (ROOT / path).is_file()


def test_a_wheel_built_from_the_sdist_has_the_same_metadata(wheel, tmp_path):
    with tarfile.open(build("sdist", tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())

    again = metadata_of(build("wheel", tmp_path, source=source))

    assert again.as_string() == metadata_of(wheel).as_string()


def test_no_text_installs_the_other_program_named_taskhub():
    """The name `taskhub` on PyPI belongs to another program."""
    command = re.compile(r"pip install[^`\n]*[ \"']taskhub\b(?!/)")
    places = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    texts = [*places, *(ROOT / "taskhub").rglob("*.py")]

    assert [path.name for path in texts if command.search(path.read_text())] == []


backported = pytest.mark.skipif(
    django.VERSION >= (6, 0), reason="this Django needs no backport"
)


@pytest.fixture
def backport(tmp_path):
    """A copy of the installed backport, which is imported in its place."""
    (place,) = find_spec("django_tasks").submodule_search_locations
    return Path(shutil.copytree(place, tmp_path / "django_tasks"))


def requirements(lines) -> dict[str, Requirement]:
    """Return the requirements in some lines, by name."""
    parsed = [Requirement(each) for each in lines if each and not each.startswith("#")]
    return {each.name: each for each in parsed}


def lower_bounds(lines) -> dict[str, Version]:
    """Return the lower bound of each requirement that has one."""
    return {
        name: Version(specifier.version)
        for name, each in requirements(lines).items()
        for specifier in each.specifier
        if specifier.operator in (">=", "==")
    }


def test_all_lists_of_requirements_have_the_same_lower_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = lower_bounds(project["dependencies"])
    allowed = lower_bounds([*project["dependencies"], *chain(*extras.values())])
    developers = lower_bounds((ROOT / "requirements.txt").read_text().splitlines())
    constraints = (ROOT / "tests" / "oldest_versions.txt").read_text().splitlines()
    checked = {name: Version(text) for name, text in OLDEST_VERSIONS.items()}

    oldest = lower_bounds(constraints)
    # mysqlclient is built from source, and tested with the server's own library.
    assert allowed.items() <= {"mysqlclient": Version("2.2.1"), **oldest}.items()
    assert needed.items() <= developers.items()
    assert checked == {k: v for k, v in needed.items() if k != "django-tasks"}


@pytest.mark.parametrize("name", OLDEST_VERSIONS)
def test_an_outdated_package_is_reported_in_one_line(tmp_path, name):
    metadata = tmp_path / f"{name.replace('-', '_')}-0.1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")

    checked = check(tmp_path)

    assert checked.returncode != 0
    last = checked.stderr.strip().splitlines()[-1]
    wanted = f"{name}>={OLDEST_VERSIONS[name]}"
    assert f"{name} 0.1 is installed. Run: pip install '{wanted}'" in last


def test_a_package_without_metadata_is_accepted(monkeypatch):
    monkeypatch.setattr(sys, "path", [])

    check_versions()


def check(directory):
    """Run the demo site's `manage.py check` with the packages of a directory."""
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


@backported
def test_a_backport_with_djangos_names_of_errors_is_accepted(backport):
    """The next version of the backport has these names."""
    for path in backport.rglob("*.py"):
        text = path.read_text()
        for name in ("InvalidTaskBackend", "InvalidTask"):
            text = text.replace(f"{name}Error", name)
        path.write_text(text)

    checked = check(backport.parent)

    assert checked.returncode == 0, checked.stderr


@backported
@pytest.mark.parametrize("missing", ["TaskContext", "TASK_MIN_PRIORITY"])
def test_an_outdated_backport_is_reported_in_one_line(backport, missing):
    for path in backport.rglob("*.py"):
        path.write_text(path.read_text().replace(missing, f"Other{missing}"))

    checked = check(backport.parent)

    assert checked.returncode != 0
    last = checked.stderr.strip().splitlines()[-1]
    assert "taskhub needs django-tasks 0.12 or 0.13 on Django 5.2" in last
    assert "Run: pip install 'django-tasks>=0.12,<0.14'" in last
    assert "ImportError" not in checked.stderr


@backported
def test_a_missing_backport_is_reported_in_one_line():
    imported = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['django_tasks'] = None; from taskhub import task",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "taskhub needs django-tasks" in imported.stderr.strip().splitlines()[-1]
