"""How long to sleep between two looks at something that is waited for."""

import time
from collections.abc import Iterator

_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.5


def pauses(timeout: float | None) -> Iterator[float]:
    """
    Yield how long to sleep after each look, until `timeout` seconds are over.

    The last one is 0, for a look when the time is over. The pauses grow with the time
    waited: a result that came at once is seen at once, and one that takes minutes costs
    two looks a second.
    """
    start = time.monotonic()
    while True:
        waited = time.monotonic() - start
        pause = min(max(_FIRST_PAUSE_SECONDS, waited / 5), _LONGEST_PAUSE_SECONDS)
        if timeout is not None:
            if waited >= timeout:
                yield 0.0
                return
            pause = min(pause, timeout - waited)
        yield pause
