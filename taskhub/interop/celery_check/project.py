"""The files of a project."""

import os
from collections.abc import Iterator
from pathlib import Path

from taskhub.interop.celery_check.command_lines import read_lines, starts_processes
from taskhub.interop.celery_check.findings import Report
from taskhub.interop.celery_check.python_files import read_module

#: Directories whose files are not the project's own.
_FOREIGN = {"node_modules", "site-packages", "__pycache__", "build", "dist", "venv"}


def read_project(root: Path) -> Report:
    """
    Read all files of a project, or one file, without importing any.

    Directories of other packages, and hidden ones, are left out.
    """
    report = Report()
    for path in sorted(_files(root)):
        shown = path.name if path == root else str(path.relative_to(root))
        if path.suffix == ".py":
            _read_python(report, path, shown)
        elif starts_processes(path):
            report.findings += read_lines(path, shown)
    report.findings.sort(key=lambda each: (each.path, each.line))
    return report


def _read_python(report: Report, path: Path, shown: str) -> None:
    try:
        found = read_module(path, shown)
    except (SyntaxError, ValueError, OSError) as error:
        report.unreadable[shown] = str(error)
        return
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
