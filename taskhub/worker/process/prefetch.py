"""
Prefetch: how many messages a process reserves at a time.

It reserves again only when none of them waits any more; see consumer.py.
"""

from taskhub.brokers.base import MAX_RESERVED_MESSAGES

#: A longer run is marked RUNNING, and messages that wait behind it are given back.
MOMENT_SECONDS = 0.1

_MAX_PER_SLOT = 100
#: The weight of the last delivery in the moving average.
_WEIGHT = 0.2


class Prefetch:
    """
    Learns how long a delivery occupies a slot, and says how many to reserve.

    An `async def` task occupies its slot only until the event loop has it. Threads may
    race: a lost observation does no harm.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        # With this mean, the first reserves take one message for each slot.
        self._mean_seconds = MOMENT_SECONDS

    def observe(self, seconds: float) -> None:
        self._mean_seconds += _WEIGHT * (seconds - self._mean_seconds)

    def count(self) -> int:
        """Return how many messages can be started within a moment."""
        soon = MOMENT_SECONDS / max(self._mean_seconds, 1e-6)
        wanted = self._slots * max(1, min(int(soon), _MAX_PER_SLOT))
        return min(wanted, MAX_RESERVED_MESSAGES)
