"""A run: the argument of the executor."""

from typing import Any

import msgspec

from taskhub.execution.interrupts import Interrupt
from taskhub.execution.logs import RunLog
from taskhub.messages import Delivery
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
    _result: Result[Any] | None = None

    @property
    def result(self) -> Result[Any]:
        """The result for `django.tasks`, made at the first access."""
        if self._result is None:
            message = self.attempt.message
            self._result = Result.from_enqueued(
                as_enqueued(self.task, message), message
            )
        return self._result
