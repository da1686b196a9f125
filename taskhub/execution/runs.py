"""A run: the argument of the executor."""

from datetime import datetime
from typing import Any

import msgspec

from taskhub.exceptions import ReferenceGone
from taskhub.execution.interrupts import Interrupt
from taskhub.execution.logs import RunLog
from taskhub.messages import Delivery
from taskhub.models import Status
from taskhub.tasks import Result, Task, as_enqueued
from taskhub.writer import Attempt


class Run(msgspec.Struct):
    """An execution of an attempt in a worker process."""

    delivery: Delivery
    task: Task[..., Any, Any]
    attempt: Attempt
    interrupt: Interrupt
    log: RunLog
    #: Whether no other run may be in its process.
    is_exclusive: bool = False
    #: The error if an instance that an argument refers to is gone.
    gone: ReferenceGone | None = None
    #: The task with the options of this message, made when it is first needed.
    _variant: Task[..., Any, Any] | None = None

    def __repr__(self) -> str:
        return f"<Run of {self.attempt!r}>"

    def result(
        self,
        status: Status = Status.RUNNING,
        *,
        finished_at: datetime | None = None,
        return_value: Any = None,
    ) -> Result[Any]:
        """Make the result for `django.tasks`, as the attempt is now."""
        attempt, message = self.attempt, self.attempt.message
        if self._variant is None:
            self._variant = as_enqueued(self.task, message)
        return Result.from_enqueued(
            self._variant,
            message,
            status=status,
            started_at=attempt.first_started_at,
            last_attempted_at=attempt.started_at,
            finished_at=finished_at,
            errors=attempt.errors,
            worker_ids=attempt.worker_ids,
            return_value=return_value,
        )
