"""The package that users install."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import django
import pytest
from django.conf import settings


def test_the_wheel_contains_all_files_of_the_app(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        carried = set(archive.namelist())
        (entry_points,) = (name for name in carried if "entry_points" in name)
        plugins = archive.read(entry_points).decode()

    wanted = {
        str(path.relative_to(settings.BASE_DIR))
        for path in (settings.BASE_DIR / "taskhub").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {".lua", ".html", ".css", ".typed"} <= {
        "." + name.rpartition(".")[2] for name in wanted
    }
    assert wanted <= carried
    assert "[pytest11]\ntaskhub = taskhub.pytest_plugin" in plugins
    # Without the demo and the tests: other packages may use their names.
    assert {name.split("/")[0].split("-")[0] for name in carried} == {"taskhub"}


backported = pytest.mark.skipif(
    django.VERSION >= (6, 0), reason="this Django needs no backport"
)


@pytest.fixture
def backport(tmp_path):
    """A copy of the installed backport, which is imported in its place."""
    (place,) = find_spec("django_tasks").submodule_search_locations
    return Path(shutil.copytree(place, tmp_path / "django_tasks"))


def check(directory):
    """Run the demo site's `manage.py check` with the packages of a directory."""
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
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
    assert "taskhub needs django-tasks 0.12 or later on Django 5.2" in last
    assert "Run: pip install 'django-tasks>=0.12'" in last
    assert "ImportError" not in checked.stderr


@backported
def test_a_missing_backport_is_reported_in_one_line():
    imported = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['django_tasks'] = None; from taskhub import task",
        ],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "taskhub needs django-tasks" in imported.stderr.strip().splitlines()[-1]
