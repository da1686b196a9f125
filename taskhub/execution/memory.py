"""The memory of processes."""

from os import sysconf
from pathlib import Path

MEBIBYTE = 1024 * 1024

_PAGE_BYTES = sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int | str = "self") -> int:
    """Return the resident memory of a process; 0 where it cannot be read."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * _PAGE_BYTES
