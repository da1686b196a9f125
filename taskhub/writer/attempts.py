"""Attempts and how they end: the values that the writer writes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from taskhub.messages import Delivery, Message
from taskhub.models import Status
from taskhub.retries import count_failures, is_death
from taskhub.tasks.options.checks import Keep


def count_deaths(errors: Iterable[Mapping[str, Any]]) -> int:
    """Count the errors that say that a worker process died."""
    return sum(map(is_death, errors))


class Attempt(msgspec.Struct, kw_only=True):
    """One execution of a result, as it is written into the row."""

    message: Message
    worker_id: str
    #: From 1.
    number: int = 1
    started_at: datetime
    #: When the result's first attempt started.
    first_started_at: datetime
    #: The tokens of the processes of all attempts; the last one is this attempt's.
    worker_ids: list[str]
    #: As in `TaskResult.errors`: an entry for each failed attempt.
    errors: list[dict[str, Any]] = []
    #: When the attempt was due, by the row: an earlier attempt may have changed that.
    run_after: datetime | None = None
    #: Whether the attempt before it was begun, and its outcome is not known.
    follows_unknown: bool = False

    def __repr__(self) -> str:
        message = self.message
        return f"<Attempt {self.number} at {message.id} of {message.task_path}>"

    @property
    def deaths(self) -> int:
        """How many worker processes died during an attempt since the last retry."""
        return count_deaths(
            error for error in self.errors if not error.get("before_retry")
        )

    @property
    def failures(self) -> int:
        """How many attempts have raised since the last retry."""
        return count_failures(self.errors)

    @classmethod
    def first(cls, message: Message, worker_id: str) -> "Attempt":
        """Return the first attempt of a message. Write nothing."""
        now = datetime.now(UTC)
        return cls(
            message=message,
            worker_id=worker_id,
            started_at=now,
            first_started_at=now,
            worker_ids=[worker_id],
            run_after=message.run_after,
        )


class Outcome(msgspec.Struct, kw_only=True):
    """How an attempt ended."""

    attempt: Attempt
    #: READY if another attempt is to follow.
    status: Status
    finished_at: datetime
    #: When another attempt is to follow; None if none is.
    retry_at: datetime | None = None
    return_value: Any = None
    storage_notes: dict[str, str] = {}
    #: The cause of a failure; see `TaskResult.cause`.
    cause: str = ""
    #: The memory of the process at the end; None for short runs.
    memory_mib: int | None = None
    #: False for a task that was not begun, such as an expired one.
    was_started: bool = True
    keep: Keep = "all"

    def __repr__(self) -> str:
        return f"<Outcome {self.status.value} of {self.attempt!r}>"

    @property
    def is_kept(self) -> bool:
        if self.retry_at is not None or self.status is Status.ON_HOLD:
            return True
        failed = self.status is not Status.SUCCESSFUL
        return self.keep == "all" or (self.keep == "errors" and failed)


class Progress(msgspec.Struct, frozen=True):
    """The progress that a running task has reported."""

    attempt: Attempt
    done: float
    total: float | None
    message: str
    #: By the worker's clock.
    at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))

    def __repr__(self) -> str:
        return f"<Progress of {self.attempt!r}>"


class Logged(msgspec.Struct, frozen=True):
    """Lines that an attempt has logged, as in `TaskLog.lines`."""

    #: The id of the row of `TaskLog`.
    id: UUID
    attempt: Attempt
    lines: list[list[str]]

    def __repr__(self) -> str:
        return f"<Logged by {self.attempt!r}>"


class Quarantined(msgspec.Struct, frozen=True):
    """A delivery that could not be run, and why."""

    delivery: Delivery
    reason: str
    worker_id: str
