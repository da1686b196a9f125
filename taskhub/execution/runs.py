"""A run: what the executor is given."""

from typing import Any

import msgspec

from taskhub.execution.interrupts import Interrupt
from taskhub.execution.logs import RunLog
from taskhub.messages import Delivery
from taskhub.tasks import Result, Task, as_enqueued
from taskhub.writer import Attempt


class Run(msgspec.Struct):
    """An attempt that is about to be made, or being made."""

    delivery: Delivery
    task: Task[..., Any, Any]
    attempt: Attempt
    interrupt: Interrupt
    log: RunLog
    #: Whether nothing else is to run in its process meanwhile.
    is_exclusive: bool = False
    _result: Result[Any] | None = None

    @property
    def result(self) -> Result[Any]:
        """The result as `django.tasks` shows it; made when it is first asked for."""
        if self._result is None:
            message = self.attempt.message
            self._result = Result.from_enqueued(
                as_enqueued(self.task, message), message
            )
        return self._result
