"""
Messages that this worker refuses although their results wait.

Another worker may accept such a message: while new settings are deployed, nodes differ
in their keys and limits. So one copy of each refused message is quarantined, and its
result fails only after some minutes:

1. The first time, the bytes are quarantined and deleted from the broker. The sweep
   pushes the row again, signed by its node. Usually, a worker accepts this message.
2. If the message made from the row is refused, too, it is postponed for some minutes.
3. After that, the result fails with the reason.

A row that was edited so that no worker can run it fails at once. A message that differs
from its row was altered or forged: it never makes a result fail, but is deleted, and
the sweep pushes the row.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from taskhub.conf import Config
from taskhub.exceptions import BadMessage
from taskhub.foundation.values import show_foreign
from taskhub.messages import Delivery, Message, read_unverified, seal, unseal
from taskhub.models import QuarantinedMessage, Status, TaskResult
from taskhub.models.results.statuses import IN_LINE_STATUSES
from taskhub.tasks.registry import UNKNOWN_FOR
from taskhub.writer import Ended, Quarantined

#: How long a refused message is postponed, each time.
REFUSED_AGAIN = timedelta(seconds=30)


class Refused(NamedTuple):
    """A message whose result is to fail with an error."""

    message: Message
    error: BadMessage


class Refusals:
    """Judges refused messages, for one worker process. For any thread."""

    def __init__(self, config: Config, worker_id: str, max_message_bytes: int) -> None:
        self._alias = config.alias
        self._keys = config.signing_keys
        self._worker_id = worker_id
        self._max_message_bytes = max_message_bytes

    def judge(self, delivery: Delivery, error: BadMessage) -> Ended | Refused:
        """
        Return the end of a refused delivery, or the message whose result is to fail.

        Block for two queries.
        """
        row, refused_at = self._row_of(delivery), self._refused_at(delivery)
        # A result must not fail while another process may be running it.
        may_fail = row and (row.status == Status.READY or delivery.has_killed)
        if row and may_fail and row.oddity:
            return Refused(row.to_message(), BadMessage(row.oddity))
        if row is None or refused_at is None:
            quarantined = Quarantined(delivery, str(error), self._worker_id)
            return Ended(delivery, quarantined=quarantined)
        message = row.to_message()
        if not self._is_own(delivery, message):
            return Ended(delivery)
        now = datetime.now(UTC)
        if may_fail and now - refused_at >= UNKNOWN_FOR:
            return Refused(message, error)
        return Ended(delivery, due_again=now + REFUSED_AGAIN)

    def _row_of(self, delivery: Delivery) -> TaskResult | None:
        """Return the unfinished row that waits for a message in this queue."""
        try:
            pk = UUID(delivery.id)
        except ValueError:
            return None
        rows = TaskResult.writing.filter(
            backend=self._alias,
            queue_name=delivery.queue_name,
            status__in=IN_LINE_STATUSES,
        )
        return rows.filter(pk=pk).first()

    def _refused_at(self, delivery: Delivery) -> datetime | None:
        """Return when a message was first quarantined; None if it never was."""
        kept = QuarantinedMessage.writing.filter(
            message_id=show_foreign(delivery.id), queue_name=delivery.queue_name
        )
        return kept.order_by("id").values_list("quarantined_at", flat=True).first()

    def _is_own(self, delivery: Delivery, message: Message) -> bool:
        """
        Whether a delivery has the same content as its row's message.

        If one of them cannot be read here, whether the row's message is too large.
        """
        body = seal(message, self._keys[0])
        try:
            unseal(body, self._keys, max_bytes=self._max_message_bytes)
            received = read_unverified(delivery.body)
        except BadMessage:
            return len(body) > self._max_message_bytes
        return (received.task_path, received.args, received.kwargs) == (
            message.task_path,
            message.args,
            message.kwargs,
        )
