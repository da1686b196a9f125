"""
Records of the tasks: how many ran, when the first one began, how late each was.

A record takes half a microsecond in each run, for all peers. Each process has its count
in its own small file, mapped into memory, so that no process waits for another. The
driver adds up the counts. They are for peers without stored results. The start of a
round is recorded for all peers, since few of them store it.
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
    """Return the directory of this round's records."""
    return Path(os.environ["PEERS_TALLY"])


def note_run() -> None:
    """Record that a task ran in this process; the first call records the time, too."""
    global _page, _ran
    with _lock:
        if _page is None:
            _page = _open_page()
        _ran += 1
        _COUNT.pack_into(_page, 8, _ran)


def note_start(sent: float) -> None:
    """Record how many seconds have passed since a task was sent."""
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
    """Return how many seconds passed for each task that recorded its start."""
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
    # A child would count in its parent's page, and might inherit the lock while held.
    global _page, _ran, _lock
    _page, _ran, _lock = None, 0, threading.Lock()


os.register_at_fork(after_in_child=_forget)
