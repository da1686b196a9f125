"""Attempts, and how they end: the values that the pen writes down."""

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
    """Count the errors that no task has raised: its worker died."""
    return sum(map(is_death, errors))


class Attempt(msgspec.Struct, kw_only=True):
    """One execution of a result: what its row is to say of it."""

    message: Message
    worker_id: str
    #: Counts from 1.
    number: int = 1
    started_at: datetime
    #: Of the result's first attempt.
    first_started_at: datetime
    #: This attempt's worker is the last of them.
    worker_ids: list[str]
    #: One for each attempt that has failed, as in `TaskResult.errors`.
    errors: list[dict[str, Any]] = []
    #: The row's, which an earlier attempt may have moved on.
    run_after: datetime | None = None

    def __repr__(self) -> str:
        message = self.message
        return f"<Attempt {self.number} at {message.id} of {message.task_path}>"

    @property
    def deaths(self) -> int:
        """How many attempts ended with their worker's death since the last retry."""
        return count_deaths(
            error for error in self.errors if not error.get("before_retry")
        )

    @property
    def failures(self) -> int:
        """How many attempts have failed by themselves since the last retry."""
        return count_failures(self.errors)

    @classmethod
    def first(cls, message: Message, worker_id: str) -> "Attempt":
        """Begin the first attempt of a message; nothing is written."""
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
    #: When another attempt is to follow.
    retry_at: datetime | None = None
    return_value: Any = None
    storage_notes: dict[str, str] = {}
    #: Of a failure; see `TaskResult.cause`.
    cause: str = ""
    #: Of its process, at the end; only for runs that last.
    memory_mib: int | None = None
    #: False for a task that was not begun: expired, say.
    was_started: bool = True
    keep: Keep = "all"

    def __repr__(self) -> str:
        return f"<Outcome {self.status.value} of {self.attempt!r}>"

    @property
    def is_kept(self) -> bool:
        """Whether the row stays."""
        if self.retry_at is not None:
            return True
        failed = self.status is not Status.SUCCESSFUL
        return self.keep == "all" or (self.keep == "errors" and failed)


class Progress(msgspec.Struct, frozen=True):
    """What a running task said of itself."""

    attempt: Attempt
    done: float
    total: float | None
    message: str

    def __repr__(self) -> str:
        return f"<Progress of {self.attempt!r}>"


class Logged(msgspec.Struct, frozen=True):
    """Lines that an attempt has logged; see `TaskLog.lines`."""

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
