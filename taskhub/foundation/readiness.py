"""Waiting for file descriptors, of which a process may have more than 1,023."""

import errno
import math
import os
import select
from collections.abc import Iterable


def wait_readable(descriptors: Iterable[int], seconds: float | None) -> set[int]:
    """
    Block until some descriptors can be read, or have ended; return these.

    Return an empty set after `seconds`; None waits without a limit. select() would
    refuse descriptors above 1,023. Raise OSError if a descriptor is closed.
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    # Round up: a return that is too early would make the caller wait for 0 ms again.
    timeout_ms = None if seconds is None else max(0, math.ceil(seconds * 1000))
    ready = dict(poll.poll(timeout_ms))
    if any(events & select.POLLNVAL for events in ready.values()):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return set(ready)
