"""Stuck runs: runs so far past their hard limit that their process has to be killed."""

import time
from collections.abc import Collection

#: A process that has not ended a run this long after its hard limit is killed.
_STUCK_SECONDS = 5.0


class StuckRuns:
    """Knows the runs that have a hard limit, by the token of their process."""

    def __init__(self) -> None:
        #: When each run, by token and id, counts as stuck, by time.monotonic().
        self._deadlines: dict[tuple[str, str], float] = {}

    def begin(self, token: str, run: str, hard_timeout: float) -> None:
        self._deadlines[token, run] = time.monotonic() + hard_timeout + _STUCK_SECONDS

    def end(self, token: str, run: str) -> None:
        self._deadlines.pop((token, run), None)

    def forget(self, token: str) -> None:
        """Note that a process has ended, and its runs with it."""
        for key in [key for key in self._deadlines if key[0] == token]:
            del self._deadlines[key]

    @property
    def deadlines(self) -> Collection[float]:
        """When to call `take` again, by time.monotonic()."""
        return self._deadlines.values()

    def take(self) -> list[tuple[str, str]]:
        """Return the token and the id of each run that is stuck now, and forget it."""
        now = time.monotonic()
        stuck = [key for key, deadline in self._deadlines.items() if now >= deadline]
        for key in stuck:
            del self._deadlines[key]
        return stuck
