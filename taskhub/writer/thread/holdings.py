"""What a process knows to hold of the broker's messages."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock


class Holdings:
    """
    The ids of what is started, waits, or is still to be acknowledged. For any thread.

    What the broker says beyond that came in a reply that was lost: strangers.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: set[str] = set()
        self._settling: set[str] = set()

    def add(self, ids: Iterable[str]) -> None:
        """Note that these were reserved."""
        with self._lock:
            self._known.update(ids)

    def remove(self, ids: Iterable[str]) -> None:
        """Note that these are given back."""
        with self._lock:
            self._known.difference_update(ids)

    @contextmanager
    def settling(self, ids: Collection[str]) -> Iterator[None]:
        """
        Let these go within the block, and have them back if it fails.

        Meanwhile the broker may or may not still count them as held, and they are no
        strangers. One that is due again at once may even be reserved anew, and be
        added, before its block ends.
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
        """Return those, of what the broker counts as held, that nobody here knows."""
        with self._lock:
            return set(held) - self._known - self._settling
