"""How many messages a process should hold, and how often it looks at what."""

from taskhub.brokers.base import MOST_RESERVED

#: A task that has been running for longer than this is long: it is marked RUNNING, and
#: nothing is held back behind it.
MOMENT_SECONDS = 0.1

_MAX_AT_ONCE = 100
#: How much the last task counts for, against all before it.
_WEIGHT = 0.2


class Prefetch:
    """
    Learns how long a delivery occupies a slot, and says how many to reserve.

    An `async def` task occupies it only until it has been handed to the event loop.
    Threads may race here: a lost observation does no harm.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        # Long until known to be short: the first reserves take one for each slot.
        self._mean_seconds = MOMENT_SECONDS

    def observe(self, seconds: float) -> None:
        """Learn from one delivery."""
        self._mean_seconds += _WEIGHT * (seconds - self._mean_seconds)

    def count(self) -> int:
        """Say how many messages can be started within a moment."""
        soon = MOMENT_SECONDS / max(self._mean_seconds, 1e-6)
        wanted = self._slots * max(1, min(int(soon), _MAX_AT_ONCE))
        return min(wanted, MOST_RESERVED)
