"""RespawnDelay: when the next process may be born in the place of a dead one."""

import time

from taskhub.worker.supervisor.children import Child

#: A process that lived for less died too soon, and its successor has to wait.
_SHORT_LIFE_SECONDS = 5.0
_MAX_DELAY_SECONDS = 30.0
#: The same after a kill: that says nothing of whether the next one can start.
_MAX_DELAY_AFTER_KILL_SECONDS = 0.3
#: So many deaths double the delay: beyond, a power of two is no number in the end.
_MAX_DOUBLINGS = 10


class RespawnDelay:
    """Slows a series of short lives; the first successor comes at once."""

    def __init__(self) -> None:
        self._short_lives = 0
        #: When the next one may be born.
        self.ends_at = 0.0

    @property
    def is_over(self) -> bool:
        """Whether that is now."""
        return time.monotonic() >= self.ends_at

    def note_death(self, dead: Child, code: int) -> None:
        """Learn of a child that has ended by itself."""
        if time.monotonic() - dead.born_at > _SHORT_LIFE_SECONDS:
            self._short_lives = 0
            return
        longest = _MAX_DELAY_AFTER_KILL_SECONDS if code < 0 else _MAX_DELAY_SECONDS
        delay = min(2.0**self._short_lives - 1, longest)
        self._short_lives = min(self._short_lives + 1, _MAX_DOUBLINGS)
        self.ends_at = time.monotonic() + delay
