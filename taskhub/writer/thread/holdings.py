"""The messages that a process knows that it holds."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock


class Holdings:
    """
    The ids of messages that wait, are started, or are still to be acknowledged.

    If the broker says that this process holds another message, that message is a
    stranger: the reply in which it was reserved was lost. For any thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: set[str] = set()
        self._settling: set[str] = set()

    def add(self, ids: Iterable[str]) -> None:
        with self._lock:
            self._known.update(ids)

    def remove(self, ids: Iterable[str]) -> None:
        with self._lock:
            self._known.difference_update(ids)

    @contextmanager
    def settling(self, ids: Collection[str]) -> Iterator[None]:
        """
        Give messages up within the block, and take them back if it fails.

        Within the block the broker may or may not count them as held, and they are not
        strangers. A message that is due again at once may be reserved and added again
        before the block ends.
        """
        with self._lock:
            self._settling.update(ids)
            self._known.difference_update(ids)
        try:
            yield
        except BaseException:
            self.add(ids)
            raise
        finally:
            with self._lock:
                self._settling.difference_update(ids)

    def strangers(self, held: Collection[str]) -> set[str]:
        """Return the ids in `held`, as the broker returns them, that are strangers."""
        with self._lock:
            return set(held) - self._known - self._settling
