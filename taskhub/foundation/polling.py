"""Pauses between polls."""

import time
from collections.abc import Iterator

_FIRST_PAUSE_SECONDS = 0.005
_MAX_PAUSE_SECONDS = 0.5


def pauses(timeout: float | None) -> Iterator[float]:
    """
    Yield how many seconds to sleep after each poll, until `timeout` seconds are over.

    The last pause is 0, for a last poll. The pauses grow with the time waited: a quick
    result is seen at once, and a wait of minutes costs two polls a second.
    """
    start = time.monotonic()
    while True:
        waited = time.monotonic() - start
        pause = min(max(_FIRST_PAUSE_SECONDS, waited / 5), _MAX_PAUSE_SECONDS)
        if timeout is not None:
            if waited >= timeout:
                yield 0.0
                return
            pause = min(pause, timeout - waited)
        yield pause
