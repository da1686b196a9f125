"""The message that a broker carries about a result."""

from typing import Any

from taskhub.messages import Extra, Message


class Carried:
    """A row of a result, for which a broker carries a message."""

    def to_message(self: Any, *, durable: bool = True) -> Message:
        """Return the message of this row; odd values are empty in it, see `oddity`."""
        return Message(
            id=self.id,
            task_path=self.task_path,
            args=self.args,
            kwargs=self.kwargs,
            queue_name=self.queue_name,
            priority=self.priority,
            backend=self.backend,
            enqueued_at=self.enqueued_at,
            run_after=self.run_after,
            expires_at=self.expires_at,
            durable=durable,
            meta=self.meta,
            tick_at=self.tick_at,
            extra=None if self.extra is None else Extra.read(self.extra),
        )
