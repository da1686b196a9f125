"""Damaged queues: their data in the broker cannot be used."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from taskhub.exceptions import QueueDamaged

logger = logging.getLogger(__name__)


class Damage:
    """
    Remembers which queues are damaged. Any thread may use it.

    A fault of a queue is logged once, and again if the queue could be used in between.
    """

    def __init__(self) -> None:
        #: Faults by queue and method: one method may work while another fails.
        self._found: dict[tuple[str, str], str] = {}

    @contextmanager
    def tolerated(self, queue_name: str, method: str) -> Iterator[None]:
        """Catch QueueDamaged, so that the caller continues with the next queue."""
        try:
            yield
        except QueueDamaged as error:
            text = str(error)
            if text not in self._found.values():
                logger.error("%s", text)
            self._found[queue_name, method] = text
        else:
            if self._found and (queue_name, method) in self._found:
                self._forget(queue_name, self._found[queue_name, method])

    def _forget(self, queue_name: str, text: str) -> None:
        """Forget a fault that is gone, for all methods that have found it."""
        for key, other in list(self._found.items()):
            if other == text:
                self._found.pop(key, None)
        if not any(name == queue_name for name, _method in list(self._found)):
            logger.info("Queue %r can be used again.", queue_name)

    def stops(self, queue_name: str, method: str) -> bool:
        """Return whether the last call of a method failed for a queue."""
        return (queue_name, method) in self._found

    @property
    def faults(self) -> list[str]:
        """The current faults, as sentences."""
        return sorted({*self._found.values()})
