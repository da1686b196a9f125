"""
What the tasks themselves note: how many ran, when the first began, how late they were.

It costs each run the same half a microsecond, whatever runs it. Each process keeps its
count in a small file of its own, mapped into memory, so that nobody waits for another;
the driver adds them up. It is for the peers that have no results to be counted, and for
the start of a round, which few of them record.
"""

import mmap
import os
import struct
import threading
import time
from pathlib import Path

_PAGE = struct.Struct("dQ")
_COUNT = struct.Struct("Q")
_lock = threading.Lock()
_page: mmap.mmap | None = None
_ran = 0


def directory() -> Path:
    """Return where this round's notes are."""
    return Path(os.environ["PEERS_TALLY"])


def note_run() -> None:
    """Note that a task ran in this process; the first one notes when."""
    global _page, _ran
    with _lock:
        if _page is None:
            _page = _open_page()
        _ran += 1
        _COUNT.pack_into(_page, 8, _ran)


def note_start(sent: float) -> None:
    """Note how many seconds have passed since a task was sent."""
    late = time.time() - sent
    with (directory() / "starts").open("a") as notes:
        notes.write(f"{late!r}\n")


def first_start() -> float:
    """Return when the first task of all processes began, in seconds of the epoch."""
    return min(began for began, _ in _pages())


def runs() -> int:
    """Count the runs of all processes."""
    return sum(ran for _, ran in _pages())


def starts() -> list[float]:
    """Return how many seconds passed for each task that noted its start."""
    notes = directory() / "starts"
    return [float(line) for line in notes.read_text().split()] if notes.exists() else []


def _open_page() -> mmap.mmap:
    file = directory() / f"{os.getpid()}.page"
    file.write_bytes(_PAGE.pack(time.time(), 0))
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), _PAGE.size)


def _pages() -> list[tuple[float, int]]:
    contents = [file.read_bytes() for file in directory().glob("*.page")]
    # A page that has just been made may still be empty.
    return [_PAGE.unpack(page) for page in contents if len(page) == _PAGE.size]


def _forget() -> None:
    # A fork would go on counting in its parent's page, and might find the lock taken.
    global _page, _ran, _lock
    _page, _ran, _lock = None, 0, threading.Lock()


os.register_at_fork(after_in_child=_forget)
