"""
The scoreboard: shared memory in which worker processes show their runs.

The steward reads there what a process runs even if the process is frozen, or its task
holds the GIL. Showing a run writes 32 bytes, and wakes no other process.

Invariant: only the supervisor assigns sections to processes, and it clears a section
when its process has ended. Until then only that process writes into it. The steward
only reads. It may read a slot that is being written, and so acts only on what it has
read twice.
"""

import os
import struct
import time
from mmap import mmap
from uuid import UUID

import msgspec

#: A node has fewer worker processes, even while some are being replaced.
_SECTIONS = 512
#: How many runs of a process are shown.
_MAX_RUNS = 1_000

#: The head of a section: its process, and how many of its slots were ever used.
_HEAD = struct.Struct("=II")
#: A slot: the result's id, the attempt, flags, and when it began; zero if it is empty.
_SLOT = struct.Struct("=16sHxxxxxxd")
_BEGAN = struct.Struct("=d")
_BEGAN_AT = _SLOT.size - _BEGAN.size
_FLAGS_AT = 18
_DURABLE, _GIVEN_UP = 1, 2


class ShownRun(msgspec.Struct, frozen=True):
    id: UUID
    #: The number of the attempt.
    attempt: int
    #: By time.monotonic(), which all processes of a machine share.
    began_at: float
    #: Whether its result has a row from the start on.
    is_durable: bool
    #: Whether its process has given up on it, and ends because of it.
    is_given_up: bool

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began_at


class Section:
    """
    The part that one worker process writes. For one thread at a time.

    `head` and `start` are positions in `memory`, in bytes; `size` is a number of slots.
    """

    def __init__(self, memory: mmap, head: int, start: int, size: int) -> None:
        self._memory = memory
        self._head = head
        self._pid = os.getpid()
        self._start = start
        # pop() takes the lowest free slot first, so that the steward reads few slots.
        self._free = list(range(size - 1, -1, -1))
        self._used = 0
        _HEAD.pack_into(memory, head, self._pid, 0)

    def show(self, id: UUID, attempt: int, *, is_durable: bool) -> int | None:
        """Show a run. Return its slot, or None if there is no room."""
        if not self._free:
            return None
        slot = self._free.pop()
        at = self._start + slot * _SLOT.size
        _SLOT.pack_into(self._memory, at, id.bytes, min(attempt, 0xFFFF), 0.0)
        self._memory[at + _FLAGS_AT] = _DURABLE if is_durable else 0
        # Write the time last, since it makes the slot valid.
        _BEGAN.pack_into(self._memory, at + _BEGAN_AT, time.monotonic())
        if slot >= self._used:
            self._used = slot + 1
            _HEAD.pack_into(self._memory, self._head, self._pid, self._used)
        return slot

    def hide(self, slot: int) -> None:
        at = self._start + slot * _SLOT.size
        _BEGAN.pack_into(self._memory, at + _BEGAN_AT, 0.0)
        self._free.append(slot)

    def give_up(self, slot: int) -> None:
        """Show a run as given up, until the end of the process."""
        self._memory[self._start + slot * _SLOT.size + _FLAGS_AT] |= _GIVEN_UP


class Scoreboard:
    """The sections of all worker processes; made before any of them is forked."""

    def __init__(self, runs: int) -> None:
        self._runs = min(runs, _MAX_RUNS)
        heads = _SECTIONS * _HEAD.size
        self._memory = mmap(-1, heads + _SECTIONS * self._runs * _SLOT.size)
        #: The number of the section of each pid; for the supervisor.
        self._numbers: dict[int, int] = {}

    def find_free(self) -> int | None:
        """Return the number of a free section; None if there is none."""
        taken = set(self._numbers.values())
        return next((each for each in range(_SECTIONS) if each not in taken), None)

    def give(self, number: int | None, pid: int) -> None:
        """Assign a section to a process; none if `number` is None."""
        if number is not None:
            self._numbers[pid] = number

    def take_back(self, pid: int) -> None:
        """Clear the section of a process that has ended."""
        if (number := self._numbers.pop(pid, None)) is not None:
            used = self._read_head(number)[1] * _SLOT.size
            start = self._start_of(number)
            self._memory[start : start + used] = bytes(used)
            _HEAD.pack_into(self._memory, number * _HEAD.size, 0, 0)

    def open(self, number: int | None) -> Section | None:
        """Return the section of this process for writing; None if it has none."""
        if number is None:
            return None
        head = number * _HEAD.size
        return Section(self._memory, head, self._start_of(number), self._runs)

    def runs_of(self, pid: int) -> list[ShownRun]:
        number = self._find(pid)
        if number is None:
            return []
        start, used = self._start_of(number), self._read_head(number)[1]
        slots = (start + slot * _SLOT.size for slot in range(used))
        return [shown for at in slots if (shown := self._read_slot(at))]

    def _read_slot(self, at: int) -> ShownRun | None:
        raw_id, attempt, began_at = _SLOT.unpack_from(self._memory, at)
        flags = self._memory[at + _FLAGS_AT]
        if not began_at:
            return None
        return ShownRun(
            id=UUID(bytes=raw_id),
            attempt=attempt,
            began_at=began_at,
            is_durable=bool(flags & _DURABLE),
            is_given_up=bool(flags & _GIVEN_UP),
        )

    def _find(self, pid: int) -> int | None:
        heads = range(_SECTIONS)
        return next((each for each in heads if self._read_head(each)[0] == pid), None)

    def _read_head(self, number: int) -> tuple[int, int]:
        pid, used = _HEAD.unpack_from(self._memory, number * _HEAD.size)
        return pid, used

    def _start_of(self, number: int) -> int:
        return _SECTIONS * _HEAD.size + number * self._runs * _SLOT.size
