"""Pauses between attempts to reach what is away."""

import random

_FIRST_PAUSE_SECONDS = 0.1
_MAX_PAUSE_SECONDS = 2.0
#: So many failures double the pause; an outage of half an hour has a thousand, and
#: their power of two would be no number any more.
_MAX_DOUBLINGS = 10


class ReconnectBackoff:
    """Grows to two seconds, with jitter so that not everybody comes at once."""

    def __init__(self) -> None:
        self._failures = 0

    @property
    def failures(self) -> int:
        """How many failures there were in a row."""
        return self._failures

    @property
    def is_first(self) -> bool:
        """Whether the last failure was the first in a row: the one worth a log line."""
        return self._failures == 1

    @property
    def pause(self) -> float:
        """How many seconds to let pass before the next attempt."""
        doublings = min(self._failures, _MAX_DOUBLINGS)
        longest = min(_FIRST_PAUSE_SECONDS * 2**doublings, _MAX_PAUSE_SECONDS)
        return random.uniform(longest / 2, longest)  # noqa: S311  not a secret

    def fail(self) -> None:
        """Count a failure."""
        self._failures += 1

    def succeed(self) -> bool:
        """Begin anew; return whether there had been failures."""
        had_failed, self._failures = self._failures > 0, 0
        return had_failed
