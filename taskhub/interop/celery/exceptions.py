"""The exceptions of Celery, under Celery's names."""

from datetime import datetime
from typing import Any

from taskhub import exceptions
from taskhub.exceptions import (
    BrokerUnavailable,
    ResultTimeout,
    TaskCancelled,
    TaskHubError,
    TaskTimeout,
    UnknownTask,
    WorkerDied,
)
from taskhub.foundation.clock import utc_now
from taskhub.retries import bounded

#: Raised in a task at its `soft_time_limit`. Unlike Celery's, it is not a subclass of
#: Exception, so that `except Exception` does not catch it by accident.
SoftTimeLimitExceeded = TaskTimeout
WorkerLostError = WorkerDied
#: Celery's `delay()` raises it without a broker. taskhub pushes the message later.
OperationalError = BrokerUnavailable
NotRegistered = UnknownTask


class TaskHubCeleryWarning(UserWarning):
    """Something that Celery has, and that has no effect here."""


CeleryWarning = TaskHubCeleryWarning


class CeleryError(TaskHubError):
    """The base class of Celery's exceptions."""


class ImproperlyConfigured(CeleryError):
    """The configuration is not valid."""


class InvalidCall(CeleryError, TypeError):
    """A call that Celery allows, and that cannot be made here."""


class TaskPredicate(CeleryError):
    """The base class of exceptions that say how a run ends."""


class Retry(TaskPredicate, exceptions.Retry):
    """
    The task is retried, `when` seconds from now or at the datetime `when`.

    Raised by `self.retry()`.
    """

    def __init__(
        self,
        message: str | None = None,
        exc: BaseException | str | None = None,
        when: float | datetime | None = None,
        is_eager: bool = False,
        sig: Any = None,
    ) -> None:
        self.message = message
        self.exc = None if isinstance(exc, str) else exc
        self.excs = exc if isinstance(exc, str) else repr(exc) if exc else None
        self.when = when
        self.is_eager = is_eager
        self.sig = sig
        pause = (when - utc_now()) if isinstance(when, datetime) else when
        super().__init__(None if pause is None else bounded(pause), self._describe())

    def humanize(self) -> str:
        """Return when the task is retried."""
        return (
            f"at {self.when}" if isinstance(self.when, datetime) else f"in {self.when}s"
        )

    def _describe(self) -> str:
        if self.message:
            return self.message
        what = "Retry" if self.when is None else f"Retry {self.humanize()}"
        return f"{what}: {self.excs}" if self.excs else what


class Ignore(TaskPredicate):
    """Raised in a task to end it without a return value. The result is successful."""


class Reject(TaskPredicate):
    """Raised in a task to fail it or, with `requeue`, to run it again at once."""

    def __init__(self, reason: Any = None, requeue: bool = False) -> None:
        self.reason = reason
        self.requeue = requeue
        super().__init__(reason, requeue)

    def __repr__(self) -> str:
        return f"reject requeue={self.requeue}: {self.reason}"


class TaskError(CeleryError):
    """The base class of errors of tasks."""


class TimeoutError(TaskError, ResultTimeout):
    """The result was not finished within the timeout."""


class MaxRetriesExceededError(TaskError):
    """The task has been retried `max_retries` times."""

    def __init__(self, *args: object, **kwargs: Any) -> None:
        self.task_args = kwargs.pop("task_args", [])
        self.task_kwargs = kwargs.pop("task_kwargs", {})
        super().__init__(*args)


class TaskRevokedError(TaskError, TaskCancelled):
    """The task was revoked or has expired, so there is no value."""


class TimeLimitExceeded(TaskError):
    """The task ran for longer than its `time_limit`; never raised in the task."""
