"""Queues whose data in the broker cannot be used, while others can."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from taskhub.exceptions import QueueDamaged

logger = logging.getLogger(__name__)


class Damage:
    """
    Remembers which queues are damaged. For any thread.

    What is wrong with a queue is logged when it is found, and not again until the queue
    has been in use since.
    """

    def __init__(self) -> None:
        #: By queue and verb: one verb may work while another one does not.
        self._found: dict[tuple[str, str], str] = {}

    @contextmanager
    def tolerated(self, queue_name: str, verb: str) -> Iterator[None]:
        """Go on with the next queue if this one is damaged."""
        try:
            yield
        except QueueDamaged as error:
            text = str(error)
            if text not in self._found.values():
                logger.error("%s", text)
            self._found[queue_name, verb] = text
        else:
            if self._found and (queue_name, verb) in self._found:
                self._forget(queue_name, self._found[queue_name, verb])

    def _forget(self, queue_name: str, text: str) -> None:
        """Forget a fault that a verb does not find any more; others found it, too."""
        for key, other in list(self._found.items()):
            if other == text:
                self._found.pop(key, None)
        if not any(name == queue_name for name, _verb in list(self._found)):
            logger.info("Queue %r can be used again.", queue_name)

    def stops(self, queue_name: str, verb: str) -> bool:
        """Whether a verb could not be used on a queue when it was last tried."""
        return (queue_name, verb) in self._found

    @property
    def faults(self) -> list[str]:
        """What is wrong, a sentence for each."""
        return sorted({*self._found.values()})
