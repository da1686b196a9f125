"""Being alone in a process: for a message that more than one has died with."""

from collections.abc import Callable
from threading import Condition, Lock

#: How long it waits for others to end; then it is run beside them.
_PATIENCE_SECONDS = 30.0


class ExclusiveRuns:
    """
    Lets a run be alone, so that it takes nobody with it if it kills its process again.

    Nor does the next one take it with it: when it leaves, its outcome is written.
    Shared by slots, which enter, and the event loop, which leaves for them. `settle`
    blocks until all outcomes that were handed in are written.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        self._settle = settle
        self._changed = Condition(Lock())
        self._inside = 0
        self._is_claimed = False

    def wait(self) -> None:
        """Block while a run is alone, or waits to be."""
        if not self._is_claimed:
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._is_claimed)

    def enter(self, *, exclusive: bool) -> bool:
        """
        Begin a run; False if another one is alone, and this has to be given back.

        Blocks, for one that is to be alone, until the others have ended and settled.
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
        """End a run. Blocks, for one that was alone, until it has settled."""
        if exclusive:
            self._settle()
        with self._changed:
            self._inside -= 1
            if self._is_claimed:
                if exclusive:
                    self._is_claimed = False
                self._changed.notify_all()
