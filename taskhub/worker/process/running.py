"""The runs of a process that are under way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, get_ident
from time import monotonic
from uuid import UUID

from taskhub.execution import Run
from taskhub.worker.pipes import BEGINS, ENDS
from taskhub.worker.scoreboard import Section


@dataclass(slots=True)
class _UnderWay:
    run: Run
    #: When it began, by time.monotonic().
    since: float = field(default_factory=monotonic)
    thread: int = field(default_factory=get_ident)
    #: Whether `newly_long` has returned it.
    is_marked: bool = False
    #: Its slot in the scoreboard; None if there was no room.
    slot: int | None = None


class Running:
    """
    The runs that are under way, and since when. Shared by all threads of a process.

    `tell` informs the supervisor of runs with a hard limit. `section` of the scoreboard
    shows all runs to the steward.
    """

    def __init__(
        self, tell: Callable[..., None], section: Section | None = None
    ) -> None:
        self._tell = tell
        self._section = section
        self._lock = Lock()
        self._runs: dict[int, _UnderWay] = {}

    def begin(self, run: Run) -> None:
        """Note that a run is about to start in this thread."""
        if run.task.hard_timeout is not None:
            self._tell(BEGINS, run.delivery.id, run.task.hard_timeout)
        under_way = _UnderWay(run)
        with self._lock:
            if self._section is not None:
                message = run.attempt.message
                under_way.slot = self._section.show(
                    message.id, run.attempt.number, is_durable=message.durable
                )
            self._runs[id(run)] = under_way

    def end(self, run: Run, hand_on: Callable[[], None] = lambda: None) -> bool:
        """
        Note that a run has ended. Return False if that was noted before.

        The first caller decides how the run ended: only its `hand_on` is called, before
        other threads can see that the run is over. `hand_on` must not take long.
        """
        with self._lock:
            if id(run) not in self._runs:
                return False
            hand_on()
            slot = self._runs.pop(id(run)).slot
            if self._section is not None and slot is not None:
                self._section.hide(slot)
        self._tell_end(run)
        return True

    def give_up(self, run: Run) -> bool:
        """
        Note that a run was given up. Return False if it has ended before.

        The run continues, and the scoreboard shows it until this process ends.
        """
        with self._lock:
            if (under_way := self._runs.pop(id(run), None)) is None:
                return False
            if self._section is not None and under_way.slot is not None:
                self._section.give_up(under_way.slot)
        self._tell_end(run)
        return True

    def _tell_end(self, run: Run) -> None:
        if run.task.hard_timeout is not None:
            self._tell(ENDS, run.delivery.id)

    @property
    def has_any(self) -> bool:
        """Whether any run is under way. Does not wait for the lock."""
        return bool(self._runs)

    def newly_long(self, seconds: float) -> list[Run]:
        """Return the runs that became longer than `seconds` since the last call."""
        start = monotonic() - seconds
        with self._lock:
            found = [
                each
                for each in self._runs.values()
                if each.since <= start and not each.is_marked
            ]
            for each in found:
                each.is_marked = True
        return [each.run for each in found]

    def has_long(self, seconds: float) -> bool:
        start = monotonic() - seconds
        with self._lock:
            return any(each.since <= start for each in self._runs.values())

    def durations(self) -> list[tuple[float, Run, int]]:
        """Return the seconds of each run so far, the run, and its thread."""
        now = monotonic()
        with self._lock:
            runs = list(self._runs.values())
        return [(now - each.since, each.run, each.thread) for each in runs]

    def lasting(self, seconds: float) -> list[UUID]:
        """Return the ids of results whose run has lasted for at least `seconds`."""
        start = monotonic() - seconds
        with self._lock:
            return [
                each.run.attempt.message.id
                for each in self._runs.values()
                if each.since <= start
            ]

    def all(self) -> list[Run]:
        """Return the runs that are under way, the oldest first."""
        with self._lock:
            return [each.run for each in self._runs.values()]
