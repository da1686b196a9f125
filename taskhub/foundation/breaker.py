"""A circuit breaker: after a failure, calls are skipped for a while."""

from collections.abc import Callable
from threading import Lock
from time import monotonic


class Breaker:
    """After failures, allow one try every `seconds` until one succeeds. Thread-safe."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._closed = True
        self._retry_at = 0.0
        self._skipped = False

    def allows(self) -> bool:
        """Return whether to try now. The caller then calls fail() or succeed()."""
        with self._lock:
            if self._closed:
                return True
            now = self._clock()
            if now < self._retry_at:
                return False
            # Other threads skip the call while one tries.
            self._retry_at = now + self._seconds
            return True

    def fail(self) -> None:
        """Record a failure."""
        with self._lock:
            self._closed, self._skipped = False, False
            self._retry_at = self._clock() + self._seconds

    def succeed(self) -> None:
        """Record a success."""
        with self._lock:
            self._closed = True

    def skip(self) -> bool:
        """Record a skipped call; return whether it is the first since the failure."""
        with self._lock:
            first, self._skipped = not self._skipped, True
            return first
