"""`Result`: what `enqueue` returns, Django's view of one row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async

from taskhub.compat import django_tasks as compat
from taskhub.retries import counts_as_failure
from taskhub.tasks import other_backends
from taskhub.tasks.codec import decode_return, returns_references

if TYPE_CHECKING:
    from taskhub.backend import TaskHubBackend
    from taskhub.models import TaskResult
    from taskhub.tasks.task import Task

R_co = TypeVar("R_co", covariant=True)


class Enqueued(Protocol):
    """The fields that a row and a message share."""

    @property
    def id(self) -> UUID: ...
    @property
    def args(self) -> list[Any]: ...
    @property
    def kwargs(self) -> dict[str, Any]: ...
    @property
    def queue_name(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def backend(self) -> str: ...
    @property
    def enqueued_at(self) -> datetime: ...
    @property
    def run_after(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def meta(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptError(compat.TaskError):  # type: ignore[misc]
    """The error of an attempt, and whether it counts towards `max_attempts`."""

    counts: bool = True

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Self:
        """Make an AttemptError from an entry of `TaskResult.errors`."""
        return cls(
            # A row that was edited with SQL may lack both.
            exception_class_path=entry.get("exception_class_path", ""),
            traceback=entry.get("traceback", ""),
            counts=counts_as_failure(entry),
        )


class Result(compat.TaskResult, Generic[R_co]):  # type: ignore[type-arg]
    """
    A result as `django.tasks` shows it, plus `get()` and `aget()`.

    A copy of the row at one moment; `refresh()` reads the row again. Django has no
    status for cancelled results: they are FAILED, with TaskCancelled as their error.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        # Django's own repr() shows the arguments and the return value.
        return f"<Result {self.id} of {self.task.module_path}: {self.status}>"

    @property
    def return_value(self) -> R_co:
        """
        The return value, read by the annotation of the task.

        Model instances are read from the database at each access; in async code, use
        aget(). Raise ValueError if the task has not finished, and ReferenceGone if an
        instance is not in the database any more.
        """
        value: R_co = decode_value(self.task, super().return_value)
        return value

    @classmethod
    def from_enqueued(
        cls,
        task: "Task[..., Any, Any]",
        enqueued: Enqueued,
        *,
        status: str = "READY",
        started_at: datetime | None = None,
        last_attempted_at: datetime | None = None,
        finished_at: datetime | None = None,
        errors: Iterable[Mapping[str, Any]] = (),
        worker_ids: Iterable[str] = (),
        return_value: Any = None,
    ) -> Self:
        """Make the result of a run. By default, the run has not started."""
        result = cls(
            task=task,
            id=str(enqueued.id),
            status=_STATUSES.get(str(status), compat.TaskResultStatus.FAILED),
            enqueued_at=enqueued.enqueued_at,
            started_at=started_at,
            finished_at=finished_at,
            last_attempted_at=last_attempted_at,
            args=enqueued.args,
            kwargs=enqueued.kwargs,
            backend=enqueued.backend,
            errors=[AttemptError.from_entry(entry) for entry in errors],
            worker_ids=list(worker_ids),
        )
        return result if return_value is None else result._returning(return_value)

    @classmethod
    def from_row(cls, task: "Task[..., Any, Any]", row: "TaskResult") -> Self:
        """Make the result of a row."""
        return cls.from_enqueued(
            task,
            row,
            status=row.status,
            started_at=row.started_at,
            last_attempted_at=row.last_attempted_at,
            finished_at=row.finished_at,
            errors=row.errors,
            worker_ids=row.worker_ids,
            return_value=row.return_value,
        )

    @property
    def failures(self) -> int:
        """
        The number of failed attempts, which `max_attempts` limits.

        Deaths of workers, and failures before somebody's retry, do not count.
        """
        # Errors of another backend have no `counts`.
        return sum(getattr(error, "counts", True) for error in self.errors)

    @classmethod
    def of(cls, result: Any) -> Any:
        """
        Return a backend's result as an instance of this class.

        Anything but Django's own class, such as None, is returned unchanged.
        """
        if type(result) is not compat.TaskResult:
            return result
        values = {name: getattr(result, name) for name in _FIELDS}
        return_value = values.pop("_return_value")
        return cls(**values)._returning(return_value)

    def __eq__(self, other: object) -> bool:
        """Compare the fields of Django's own class."""
        if not isinstance(other, compat.TaskResult):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _FIELDS)

    # Not hashable, since it has lists. Django's own class is not hashable, either.
    __hash__ = None  # type: ignore[assignment]

    def _returning(self, value: Any) -> Self:
        """Complete a new result with the field that Django's constructor leaves out."""
        object.__setattr__(self, "_return_value", value)
        return self

    def get(self, timeout: float | None = None) -> R_co:
        """
        Block until the task has finished, up to `timeout` seconds; return its value.

        Raise TaskFailed if the task failed, TaskCancelled if it was cancelled or has
        expired, ResultTimeout if it has not finished in time, ResultNotKept if its row
        is gone, ResultTruncated if the return value was too large to store, and
        ReferenceGone if a model instance in it is not in the database any more.
        """
        hub = hub_of(self.task)
        stored = (
            other_backends.wait_for(self, timeout)
            if hub is None
            else hub.wait_for(self, timeout).outcome()
        )
        value: R_co = decode_value(self.task, stored)
        return value

    async def aget(self, timeout: float | None = None) -> R_co:
        """See get()."""
        hub = hub_of(self.task)
        stored = (
            await other_backends.await_for(self, timeout)
            if hub is None
            else (await hub.await_for(self, timeout)).outcome()
        )
        value: R_co = await adecode_value(self.task, stored)
        return value

    @property
    def row(self) -> "TaskResult":
        """
        The `TaskResult` row, read from the database now.

        Raise TaskResultDoesNotExist if there is no row yet or no longer, or if the
        backend is not taskhub's.
        """
        if hub := hub_of(self.task):
            return hub.get_row(self.id)
        raise compat.TaskResultDoesNotExist(
            f"Result {self.id} has no row: its backend, "
            f"{type(self.task.get_backend()).__name__}, does not keep rows."
        )


#: For Django, a result on hold waits for another attempt.
_STATUSES = {status.value: status for status in compat.TaskResultStatus} | {
    "ON_HOLD": compat.TaskResultStatus.READY
}
_FIELDS = tuple(each.name for each in fields(compat.TaskResult))


def hub_of(task: "compat.Task[..., Any]") -> "TaskHubBackend | None":
    """Return the backend of a task, or None if it is not taskhub's."""
    backend: Any = task.get_backend()
    return backend if getattr(backend, "keeps_rows", False) else None


def decode_value(task: Any, stored: Any) -> Any:
    """Return a stored return value as decode_return() does, for any task."""
    function = getattr(task, "func", None)
    if function is None:
        # A stand-in for a task that is not registered here.
        return stored
    return decode_return(function, task.takes_context, stored)


async def adecode_value(task: Any, stored: Any) -> Any:
    """See decode_value()."""
    if returns_references(task.func, task.takes_context):
        # Model instances need queries.
        return await sync_to_async(decode_value)(task, stored)
    return decode_value(task, stored)


def due_of(enqueued: Enqueued) -> datetime:
    """Return when the first attempt of a result was due."""
    return max(enqueued.run_after or enqueued.enqueued_at, enqueued.enqueued_at)


def expires_after_of(enqueued: Enqueued) -> timedelta | None:
    """Return how long after its due time a result expires, if it does."""
    if enqueued.expires_at is None:
        return None
    return enqueued.expires_at - due_of(enqueued)


def as_enqueued(
    task: "Task[..., Any, Any]", enqueued: Enqueued
) -> "Task[..., Any, Any]":
    """
    Return the variant of a registered task with the options of an enqueued run.

    Return the task itself if these are no longer allowed, as after renaming a queue.
    """
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("queue_name", enqueued.queue_name),
            ("priority", enqueued.priority),
            ("backend", enqueued.backend),
            ("run_after", enqueued.run_after),
            ("expires_after", expires_after_of(enqueued)),
            ("meta", enqueued.meta or None),
        )
        if value != getattr(task, name)
    }
    if not changes:
        return task
    try:
        return replace(task, **changes)
    except (compat.InvalidTask, compat.InvalidTaskBackend):
        return task
