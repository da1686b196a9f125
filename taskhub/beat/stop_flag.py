"""A flag that a signal handler may set while the main thread waits for it."""

import os
from contextlib import suppress

from taskhub.foundation.readiness import wait_readable


class StopFlag:
    """
    Like `threading.Event`, but `set` takes no lock.

    A signal handler interrupts the main thread, which holds the lock of an Event for an
    instant in each `wait`. A handler that sets the Event then would wait for ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    def is_set(self) -> bool:
        """Return whether the flag was set."""
        return self._is_set

    def set(self) -> None:
        """Set the flag, and end all waits. For any thread, and for signal handlers."""
        self._is_set = True
        # If the pipe is full, it is readable, and all waits end anyway.
        with suppress(BlockingIOError):
            os.write(self._writing, b"!")

    def wait(self, seconds: float) -> bool:
        """Block until the flag is set, or for `seconds`; return whether it is set."""
        # The pipe is not read, so that later waits end, too.
        wait_readable([self._reading], max(0.0, seconds))
        return self._is_set
