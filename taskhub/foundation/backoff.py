"""Pauses between attempts to reconnect."""

import random

_FIRST_SECONDS = 0.1
_MAX_SECONDS = 2.0
#: Without this limit, 2**failures would become too large for a float in half an hour.
_MAX_DOUBLINGS = 10


class ReconnectBackoff:
    """Pauses that grow to two seconds, at random to spread the clients' reconnects."""

    def __init__(self) -> None:
        self._failures = 0

    @property
    def failures(self) -> int:
        """The number of failures since the last success."""
        return self._failures

    @property
    def is_first(self) -> bool:
        """Whether there was exactly one failure since the last success."""
        return self._failures == 1

    @property
    def pause(self) -> float:
        """The seconds to wait before the next attempt."""
        doublings = min(self._failures, _MAX_DOUBLINGS)
        longest = min(_FIRST_SECONDS * 2**doublings, _MAX_SECONDS)
        return random.uniform(longest / 2, longest)  # noqa: S311  not a secret

    def fail(self) -> None:
        self._failures += 1

    def succeed(self) -> bool:
        """Reset the pause; return whether there were failures."""
        had_failed, self._failures = self._failures > 0, 0
        return had_failed
