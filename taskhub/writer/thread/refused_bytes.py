"""The size of messages that wait to be quarantined, so that they do not fill memory."""

from collections.abc import Iterable
from threading import Lock

from taskhub.writer.ended import Ended

#: When more bytes wait, no more messages are taken.
_MAX_WAITING_BYTES = 32 * 1024 * 1024


def refused_bytes(item: object) -> int:
    """Return the size of a message that is to be quarantined; 0 for other items."""
    if isinstance(item, Ended) and item.quarantined is not None:
        return len(item.delivery.body)
    return 0


class RefusedBytes:
    """Counts the bytes that wait to be quarantined. For any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    @property
    def are_many(self) -> bool:
        """Whether the waiting bytes are too many to take more messages."""
        return self._count > _MAX_WAITING_BYTES

    def add(self, item: object) -> None:
        self._change(refused_bytes(item))

    def remove(self, items: Iterable[object]) -> None:
        self._change(-sum(map(refused_bytes, items)))

    def _change(self, size: int) -> None:
        if size:
            with self._lock:
                self._count += size
