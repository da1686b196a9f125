"""Exclusive runs: runs of messages that several processes held when they died."""

from collections.abc import Callable
from threading import Condition, Lock

#: How long an exclusive run waits for others to end. After that it runs beside them.
_PATIENCE_SECONDS = 30.0


class ExclusiveRuns:
    """
    Lets a run be the only one in its process, so that no other run ends if it dies.

    `settle` is called before and after an exclusive run, so that no outcome is lost: it
    blocks until all outcomes are written. Slots or the event loop call `leave`.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        self._settle = settle
        self._changed = Condition(Lock())
        self._inside = 0
        self._is_claimed = False

    def wait(self) -> None:
        """Block while an exclusive run is under way, or waits for others to end."""
        if not self._is_claimed:
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._is_claimed)

    def enter(self, *, exclusive: bool) -> bool:
        """
        Begin a run. Return False during an exclusive run: give the message back then.

        Before an exclusive run, block until the others have ended, for up to 30
        seconds, and then until their outcomes are written.
        """
        with self._changed:
            if self._is_claimed:
                return False
            if exclusive:
                self._is_claimed = True
                self._changed.wait_for(lambda: self._inside == 0, _PATIENCE_SECONDS)
            self._inside += 1
        if exclusive:
            self._settle()
        return True

    def leave(self, *, exclusive: bool) -> None:
        """End a run. After an exclusive run, block until its outcome is written."""
        if exclusive:
            self._settle()
        with self._changed:
            self._inside -= 1
            if self._is_claimed:
                if exclusive:
                    self._is_claimed = False
                self._changed.notify_all()
