"""A flag that a signal handler may set while the main thread waits for it."""

import os
from contextlib import suppress

from taskhub.foundation.readiness import wait_readable


class StopFlag:
    """
    Like `threading.Event`, but `set` takes no lock.

    A signal handler runs between two instructions of the main thread. If that holds the
    lock of an Event at the moment, which it does for an instant in each `wait`, a
    handler that sets the Event waits for ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and end all waits. From any thread, or a signal handler."""
        self._is_set = True
        # Full means that enough was written to end every wait.
        with suppress(BlockingIOError):
            os.write(self._writing, b"!")

    def wait(self, seconds: float) -> bool:
        """Block until it is set, for so many seconds at most; return whether it is."""
        # What was written stays there, for whoever waits next.
        wait_readable([self._reading], max(0.0, seconds))
        return self._is_set
