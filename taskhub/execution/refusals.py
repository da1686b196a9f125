"""
Messages that this worker refuses, while their results wait.

What a worker refuses, another one may take: nodes with other keys or limits are normal
while new settings are rolled out. What holds: of each message, one copy is in
quarantine, and its result neither waits for ever nor fails before others had time.

1. The first time, the bytes are quarantined, and the broker forgets them. The sweep
   pushes the row anew, signed by its own node: most often that is the remedy.
2. If the row's own message is refused again, it is put off for others, for minutes.
3. After these, the result fails, with the reason.

A row that somebody has edited so that nobody can run it fails at once.

Bytes that do not say what the row says were altered, or forged. They never make a
result fail: they are forgotten, and the sweep pushes what the row says.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from taskhub.conf import Config
from taskhub.exceptions import BadMessage
from taskhub.foundation.values import show_foreign
from taskhub.messages import Delivery, Message, read_unverified, seal, unseal
from taskhub.models import QuarantinedMessage, Status, TaskResult
from taskhub.tasks.registry import UNKNOWN_FOR
from taskhub.writer import Ended, Quarantined

#: How long a refused message is put off, each time.
REFUSED_AGAIN = timedelta(seconds=30)


class Refused(NamedTuple):
    """A message whose result is to fail, and why."""

    message: Message
    error: BadMessage


class Refusals:
    """Judges refused messages for one worker process; from any thread."""

    def __init__(self, config: Config, worker_id: str, max_message_bytes: int) -> None:
        self._alias = config.alias
        self._keys = config.signing_keys
        self._worker_id = worker_id
        self._max_message_bytes = max_message_bytes

    def judge(self, delivery: Delivery, error: BadMessage) -> Ended | Refused:
        """
        Say what becomes of a message; with the row's message if its result is to fail.

        Blocks for two queries.
        """
        row, refused_at = self._row_of(delivery), self._refused_at(delivery)
        # What still runs somewhere ends there.
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
            status__in=(Status.READY, Status.RUNNING),
        )
        return rows.filter(pk=pk).first()

    def _refused_at(self, delivery: Delivery) -> datetime | None:
        """Return when a message was quarantined first, if it is there."""
        kept = QuarantinedMessage.writing.filter(
            message_id=show_foreign(delivery.id), queue_name=delivery.queue_name
        )
        return kept.order_by("id").values_list("quarantined_at", flat=True).first()

    def _is_own(self, delivery: Delivery, message: Message) -> bool:
        """Whether this is what the row says, or what it says would be refused, too."""
        body = seal(message, self._keys[0])
        try:
            unseal(body, self._keys, max_bytes=self._max_message_bytes)
            said = read_unverified(delivery.body)
        except BadMessage:
            return len(body) > self._max_message_bytes
        return (said.task_path, said.args, said.kwargs) == (
            message.task_path,
            message.args,
            message.kwargs,
        )
