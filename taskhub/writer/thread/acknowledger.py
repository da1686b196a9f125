"""The acknowledger: tells the broker which deliveries have ended."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from taskhub.brokers.base import Broker
from taskhub.exceptions import BrokerError
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.writer.ended import Ended
from taskhub.writer.thread.holdings import Holdings

logger = logging.getLogger(__name__)


class Acknowledger:
    """
    Owns written deliveries until the broker knows that they have ended.

    For one thread. After a failure, retries with the next ones or after `pause`.
    """

    def __init__(self, broker: Broker, token: str, holdings: Holdings) -> None:
        self._broker = broker
        self._token = token
        self._holdings = holdings
        self._waiting: list[Ended] = []
        self._backoff = ReconnectBackoff()

    def add(self, written: Iterable[Ended]) -> None:
        """Take over deliveries whose end is committed."""
        self._waiting += written

    @property
    def is_empty(self) -> bool:
        """Whether the broker knows the end of every delivery that was added."""
        return not self._waiting

    @property
    def pause(self) -> float | None:
        """How many seconds to wait before a retry; None if nothing has failed."""
        return self._backoff.pause if self._waiting else None

    def acknowledge(self) -> None:
        """Tell the broker which deliveries have ended, one queue after another."""
        by_queue: dict[str, list[Ended]] = defaultdict(list)
        for ended in self._waiting:
            by_queue[ended.delivery.queue_name].append(ended)
        self._waiting = []
        for queue_name, group in by_queue.items():
            try:
                with self._holdings.settling([ended.delivery.id for ended in group]):
                    self._settle(queue_name, group)
            except BrokerError as error:
                self._waiting += group
                self._backoff.fail()
                if self._backoff.is_first:
                    logger.error("Cannot acknowledge messages now: %s Retrying.", error)
            else:
                self._backoff.succeed()

    def _settle(self, queue_name: str, group: Sequence[Ended]) -> None:
        if self._broker.lives_in_rows:
            group = self._without_outcome(queue_name, group)
        over = [each.delivery.id for each in group if each.due_again is None]
        if over:
            self._broker.acknowledge(queue_name, over, token=self._token)
        for started in (True, False):
            again = {
                each.delivery.id: each.due_again
                for each in group
                if each.due_again is not None and each.needs_row_check is started
            }
            if again:
                self._broker.postpone(
                    queue_name, again, token=self._token, started=started
                )

    def _without_outcome(
        self, queue_name: str, group: Sequence[Ended]
    ) -> Sequence[Ended]:
        """
        Return the deliveries whose messages still have to be moved in the rows.

        Writing an outcome has moved the message. Since then the retry may have been
        reserved, even by this process, and must not be postponed for this attempt.
        """
        if any(each.outcome and each.due_again for each in group):
            self._broker.wake({queue_name})
        return [each for each in group if each.outcome is None]
