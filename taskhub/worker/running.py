"""What a process is running now."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, get_ident
from time import monotonic
from uuid import UUID

from taskhub.execution import Run
from taskhub.worker.words import BEGINS, ENDS


@dataclass(slots=True)
class _UnderWay:
    run: Run
    since: float = field(default_factory=monotonic)
    thread: int = field(default_factory=get_ident)
    is_marked: bool = False


class Running:
    """
    The runs that are under way, and since when; shared by all threads of a process.

    `tell` lets the supervisor know of those with a hard limit.
    """

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._lock = Lock()
        self._runs: dict[int, _UnderWay] = {}

    def begin(self, run: Run) -> None:
        """Note, in the thread that it runs in, that a run is about to start."""
        if run.task.hard_timeout is not None:
            self._tell(BEGINS, run.delivery.id, run.task.hard_timeout)
        under_way = _UnderWay(run)
        with self._lock:
            self._runs[id(run)] = under_way

    def end(self, run: Run, hand_on: Callable[[], None] = lambda: None) -> bool:
        """
        Note that a run has ended; False if that was noted before.

        Whoever ends it first says how: by `hand_on`, which is called before anybody
        sees that nothing is under way any more, and must not take long.
        """
        with self._lock:
            if id(run) not in self._runs:
                return False
            hand_on()
            del self._runs[id(run)]
        if run.task.hard_timeout is not None:
            self._tell(ENDS, run.delivery.id)
        return True

    @property
    def has_any(self) -> bool:
        """Whether anything is under way; asked without waiting for anybody."""
        return bool(self._runs)

    def newly_long(self, seconds: float) -> list[Run]:
        """Return the runs that have passed `seconds` since this was last asked."""
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
        """Whether a run has been under way for more than `seconds`."""
        start = monotonic() - seconds
        with self._lock:
            return any(each.since <= start for each in self._runs.values())

    def durations(self) -> list[tuple[float, Run, int]]:
        """Return for how many seconds each run is under way, and in which thread."""
        now = monotonic()
        with self._lock:
            runs = list(self._runs.values())
        return [(now - each.since, each.run, each.thread) for each in runs]

    def lasting(self, seconds: float) -> list[UUID]:
        """Return the ids of the results that have been run for at least `seconds`."""
        start = monotonic() - seconds
        with self._lock:
            return [
                each.run.attempt.message.id
                for each in self._runs.values()
                if each.since <= start
            ]

    def all(self) -> list[Run]:
        """Return the runs under way, the oldest first."""
        with self._lock:
            return [each.run for each in self._runs.values()]
