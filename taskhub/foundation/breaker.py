"""A circuit breaker: what has just failed is not tried again for a moment."""

from collections.abc import Callable
from threading import Lock
from time import monotonic


class Breaker:
    """
    Open after a failure: one try every `seconds` is let through, until one succeeds.

    Shared by threads.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._closed = True
        self._retry_at = 0.0
        self._skipped = False

    def allows(self) -> bool:
        """Whether to try now; one that is let through is to tell how it went."""
        with self._lock:
            if self._closed:
                return True
            now = self._clock()
            if now < self._retry_at:
                return False
            # The others do not queue up behind the one that tries.
            self._retry_at = now + self._seconds
            return True

    def fail(self) -> None:
        """Note that a try has failed."""
        with self._lock:
            self._closed, self._skipped = False, False
            self._retry_at = self._clock() + self._seconds

    def succeed(self) -> None:
        """Note that a try has succeeded."""
        with self._lock:
            self._closed = True

    def skip(self) -> bool:
        """Note that something was not tried; return whether it is the first since."""
        with self._lock:
            first, self._skipped = not self._skipped, True
            return first
