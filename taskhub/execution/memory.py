"""How much memory processes take."""

from os import sysconf
from pathlib import Path

MEBIBYTE = 1024 * 1024

_PAGE = sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int | str = "self") -> int:
    """Return how much memory a process has resident; 0 where that cannot be told."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * _PAGE
