"""What a process is running now."""

from threading import Lock
from time import monotonic

from taskhub.execution import Run


class Running:
    """
    The runs that are under way, and since when; shared by all threads of a process.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._since: dict[int, tuple[float, Run]] = {}
        self._marked: set[int] = set()

    def begin(self, run: Run) -> None:
        """Note that a run is about to start."""
        with self._lock:
            self._since[id(run)] = (monotonic(), run)

    def end(self, run: Run) -> None:
        """Note that a run has ended."""
        with self._lock:
            del self._since[id(run)]
            self._marked.discard(id(run))

    def newly_long(self, seconds: float) -> list[Run]:
        """Return the runs that have passed `seconds` since this was last asked."""
        start = monotonic() - seconds
        with self._lock:
            found = [
                (key, run)
                for key, (since, run) in self._since.items()
                if since <= start and key not in self._marked
            ]
            self._marked.update(key for key, _run in found)
        return [run for _key, run in found]

    def has_long(self, seconds: float) -> bool:
        """Whether a run has been under way for more than `seconds`."""
        start = monotonic() - seconds
        with self._lock:
            return any(since <= start for since, _run in self._since.values())

    def all(self) -> list[Run]:
        """Return the runs under way, the oldest first."""
        with self._lock:
            return [run for _since, run in self._since.values()]
