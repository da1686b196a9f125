"""The bytes of messages that wait to be quarantined; they are not to fill memory."""

from collections.abc import Iterable
from threading import Lock

from taskhub.writer.ended import Ended

#: With so many bytes waiting, no more messages are taken.
_MAX_BYTES = 32 * 1024 * 1024


def refused_bytes(item: object) -> int:
    """Return how many bytes of a message are to be quarantined; 0 of anything else."""
    if isinstance(item, Ended) and item.quarantined is not None:
        return len(item.delivery.body)
    return 0


class RefusedBytes:
    """Counts what waits to be quarantined. For any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    @property
    def are_many(self) -> bool:
        """Whether so much waits that no more messages should be taken."""
        return self._count > _MAX_BYTES

    def add(self, item: object) -> None:
        """Count a message that is handed in."""
        self._change(refused_bytes(item))

    def remove(self, items: Iterable[object]) -> None:
        """Forget messages that are written, or replaced."""
        self._change(-sum(map(refused_bytes, items)))

    def _change(self, size: int) -> None:
        if size:
            with self._lock:
                self._count += size
