"""What the pipeline begins with, and what it ends with."""

from datetime import datetime
from typing import Any

import msgspec

from taskhub.execution.interrupts import Interrupt
from taskhub.execution.logs import RunLog
from taskhub.messages import Delivery
from taskhub.models import Status
from taskhub.tasks import Result, Task, as_enqueued
from taskhub.writer import Attempt, GivenBack, Logged, Outcome, Quarantined


class Run(msgspec.Struct):
    """An attempt that is about to be made, or being made."""

    delivery: Delivery
    task: Task[..., Any, Any]
    attempt: Attempt
    interrupt: Interrupt
    log: RunLog
    #: Whether nothing else is to run in its process meanwhile.
    is_alone: bool = False
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


class Ended(msgspec.Struct, frozen=True):
    """
    A delivery with which there is nothing more to do than to write how it ended.

    With neither an outcome nor a quarantine, it was finished before.
    """

    delivery: Delivery
    outcome: Outcome | None = None
    quarantined: Quarantined | None = None
    #: When its message is to be handed out again, if it is.
    due_again: datetime | None = None
    #: The attempt, if the database went away under it.
    interrupted: Attempt | None = None
    #: What it has logged, and is not written yet.
    logged: Logged | None = None

    def __repr__(self) -> str:
        return f"<Ended {self.outcome or self.delivery!r}>"

    @property
    def was_interrupted(self) -> bool:
        """Whether the database went away under it."""
        return self.interrupted is not None

    @property
    def given_back(self) -> GivenBack | None:
        """What its row is to say if it was begun, and has no outcome."""
        if self.interrupted is None:
            return None
        return GivenBack(self.interrupted, self.due_again)

    @property
    def is_kept(self) -> bool:
        """Whether its row stays, so that there is something for its log to be of."""
        return self.outcome is None or self.outcome.is_kept

    @property
    def was_started(self) -> bool:
        """Whether its row has to be looked at before it is run again."""
        return (
            self.outcome is not None
            or self.delivery.redelivered
            or self.was_interrupted
        )

    @property
    def failed(self) -> bool:
        """Whether the task was run, and raised."""
        return self.outcome is not None and self.outcome.status is not Status.SUCCESSFUL
