"""Rows of results, as the writer makes and locks them."""

from taskhub.messages import Message
from taskhub.models import TaskResult, TaskResultQuerySet


def new_row(message: Message) -> TaskResult:
    """Make the row of a message; with arguments only if the row does not exist yet."""
    # The row of a durable message exists and has its arguments.
    return TaskResult(
        id=message.id,
        task_path=message.task_path,
        args=[] if message.durable else message.args,
        kwargs={} if message.durable else message.kwargs,
        queue_name=message.queue_name,
        backend=message.backend,
        priority=message.priority,
        enqueued_at=message.enqueued_at,
        run_after=message.run_after,
        expires_at=message.expires_at,
        meta=message.meta,
        extra=message.extra and message.extra.store(),
    )


def locked(rows: TaskResultQuerySet) -> TaskResultQuerySet:
    """Return rows to be locked in the order of their keys, against deadlocks."""
    return rows.order_by("pk").select_for_update()
