"""When the supervisor may start the successor of a dead process."""

import time

from taskhub.worker.supervisor.children import Child

#: After a shorter life of a process, its successor may have to wait.
_SHORT_LIFE_SECONDS = 5.0
_MAX_DELAY_SECONDS = 30.0
#: The limit after a kill, which does not mean that the next process will fail, too.
_MAX_DELAY_AFTER_KILL_SECONDS = 0.3
#: Larger powers of two would overflow a float in the end.
_MAX_DOUBLINGS = 10


class RespawnDelay:
    """Grows with a series of short lives; the first successor starts at once."""

    def __init__(self) -> None:
        self._short_lives = 0
        #: By time.monotonic().
        self.ends_at = 0.0

    @property
    def is_over(self) -> bool:
        """Whether a process may be started now."""
        return time.monotonic() >= self.ends_at

    def note_death(self, dead: Child, code: int) -> None:
        """Note that a child has ended without being told to."""
        if time.monotonic() - dead.born_at > _SHORT_LIFE_SECONDS:
            self._short_lives = 0
            return
        longest = _MAX_DELAY_AFTER_KILL_SECONDS if code < 0 else _MAX_DELAY_SECONDS
        delay = min(2.0**self._short_lives - 1, longest)
        self._short_lives = min(self._short_lives + 1, _MAX_DOUBLINGS)
        self.ends_at = time.monotonic() + delay
