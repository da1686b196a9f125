"""The files of a project."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from taskhub.interop.celery_check.command_lines import read_lines, starts_processes
from taskhub.interop.celery_check.findings import Report
from taskhub.interop.celery_check.python_files import Apps, find_apps, read_module

#: Directories whose files are not the project's own.
_FOREIGN = {"node_modules", "site-packages", "__pycache__", "build", "dist", "venv"}


def read_project(root: Path) -> Report:
    """
    Read all files of a project, or one file, without importing any.

    Directories of other packages, and hidden ones, are left out.
    """
    report = Report()
    paths = sorted(_files(root))
    apps = _find_apps(path for path in paths if path.suffix == ".py")
    for path in paths:
        shown = path.name if path == root else str(path.relative_to(root))
        try:
            if path.suffix == ".py":
                _read_python(report, path, shown, apps)
            elif starts_processes(path):
                report.findings += read_lines(path, shown)
        except (SyntaxError, ValueError, OSError) as error:
            report.unreadable[shown] = str(error)
    report.findings.sort(key=lambda each: (each.path, each.line))
    return report


def _find_apps(paths: Iterable[Path]) -> Apps:
    """Return the names of apps by the modules, and packages, that have them."""
    apps: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        try:
            found = find_apps(path)
        except (OSError, ValueError):
            # It is reported when it is read.
            continue
        if found:
            apps[path.stem] |= found
            # The package usually imports the app from its module.
            apps[path.parent.name] |= found
    return apps


def _read_python(report: Report, path: Path, shown: str, apps: Apps) -> None:
    found = read_module(path, shown, apps)
    report.files += 1
    report.tasks += found.tasks
    report.findings += found.findings


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    for directory, names, files in os.walk(root):
        place = Path(directory)
        # A virtual environment may have any name.
        names[:] = [
            name
            for name in names
            if name not in _FOREIGN
            and not name.startswith(".")
            and not (place / name / "pyvenv.cfg").exists()
        ]
        yield from (place / name for name in files)
