"""Lines of scripts and configurations that call the `celery` command."""

import re
from pathlib import Path

from taskhub.interop.celery_check.findings import Finding, Verdict

#: Names and suffixes of files that start processes.
_NAMES = ("Procfile", "Dockerfile", "Makefile", "supervisord.conf")
_SUFFIXES = (".sh", ".yml", ".yaml", ".service", ".conf", ".toml", ".ini", ".cfg")
_MAX_BYTES = 1024 * 1024

#: The call of the command, up to the name of its subcommand.
_CALL = re.compile(
    r"\bcelery\b[\"',\s]+(?:-[^\s\"',]+[\"',\s]+(?:[^-\s\"',][^\s\"',]*[\"',\s]+)?)*"
    r"(worker|beat|flower|multi|inspect|control|purge|status|events)\b"
)
_COMMANDS = {
    "worker": "Write: python manage.py taskworker.",
    "beat": "Write: python manage.py taskbeat.",
    "flower": "The admin shows nodes, queues and results.",
    "multi": "Write a service for python manage.py taskworker.",
    "inspect": "Write: python manage.py taskstatus.",
    "control": "Write: python manage.py taskcontrol.",
    "purge": "Write: python manage.py taskcontrol queue purge.",
    "status": "Write: python manage.py taskstatus.",
    "events": "The admin shows nodes, queues and results.",
}


def starts_processes(path: Path) -> bool:
    """Whether a file may have lines with commands."""
    return path.name.startswith(_NAMES) or path.suffix in _SUFFIXES


def read_lines(path: Path, shown: str) -> list[Finding]:
    """
    Return the calls of the command in a file. `shown` is its path in findings.

    Raise OSError if it cannot be read.
    """
    if path.stat().st_size > _MAX_BYTES:
        return []
    lines = path.read_text(errors="replace").splitlines()
    return [
        Finding(
            shown,
            number,
            f"celery {found[1]}",
            Verdict.HAND,
            _COMMANDS[found[1]],
        )
        for number, line in enumerate(lines, 1)
        for found in _CALL.finditer(line)
    ]
