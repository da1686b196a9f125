"""Waiting for file descriptors, of which a process may have more than 1,023."""

import errno
import math
import os
import select
from collections.abc import Iterable


def wait_readable(descriptors: Iterable[int], seconds: float | None) -> set[int]:
    """
    Block until some of these can be read, or have ended; return which.

    Return none of them after so many seconds; None waits for ever. Not select(), which
    refuses descriptors from 1,024 on. Raise OSError if one of them is closed.
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    # Up, so that nobody comes back too early, and waits again for no time at all.
    timeout_ms = None if seconds is None else max(0, math.ceil(seconds * 1000))
    ready = dict(poll.poll(timeout_ms))
    if any(events & select.POLLNVAL for events in ready.values()):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return set(ready)
