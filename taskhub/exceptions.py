"""Every error that taskhub raises; all but TaskTimeout under one root."""

from datetime import timedelta


class TaskHubError(Exception):
    """The root of taskhub's own errors."""


# What a caller did.


class InvalidArguments(TaskHubError, TypeError):
    """The arguments do not fit the task's signature, or cannot travel as JSON."""


class UnknownTask(TaskHubError, LookupError):
    """No task is registered under that name."""


class UnknownQueue(TaskHubError, LookupError):
    """No backend of taskhub has a queue of that name."""


class UnknownNode(TaskHubError, LookupError):
    """No node of that name has told of itself."""


class InvalidOption(TaskHubError, TypeError):
    """An option that does not exist, or a value that it cannot have."""


class InvalidSchedule(TaskHubError, ValueError):
    """A schedule that cannot be read, or never fires. `field` is the part at fault."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class UnreadableHere(InvalidSchedule):
    """A schedule that this host cannot read; others may."""


class UnknownZone(UnreadableHere):
    """A time zone that this host does not know."""


class SolarNotInstalled(UnreadableHere):
    """A solar schedule, on a host without the library that it needs."""


class CannotRun(TaskHubError):
    """A periodic task that cannot be run as it is, or now; the text says why."""


class CannotRunHere(CannotRun):
    """A periodic task that the code or settings here cannot run; others' may."""


class SearchTimeout(TaskHubError, TimeoutError):
    """A search took the database too long, and was stopped."""


class TablesMissing(TaskHubError):
    """The database has no tables of django-celery-beat, or those of an old version."""


# What became of a result, as told by `get()`.


class ResultTimeout(TaskHubError, TimeoutError):
    """The result was not finished within the time given."""


class ResultNotKept(TaskHubError, LookupError):
    """The result's row is gone: its task does not keep it, or someone deleted it."""


class ResultTruncated(TaskHubError, ValueError):
    """The return value was too large to store; a part of it is in the row."""


class TaskFailed(TaskHubError):
    """The task raised. The message names the exception; `traceback` has the text."""

    def __init__(self, message: str, *, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


class TaskCancelled(TaskHubError):
    """The task was cancelled before it finished."""


class TaskExpired(TaskCancelled):
    """The task was not started before its expiry, and so was never run."""


class WorkerDied(TaskHubError):
    """The processes that ran this task died, one after another."""


# What a task raises, or has raised in it.


class Retry(TaskHubError):
    """Raised by `context.retry()`: this attempt is to be followed by another one."""

    def __init__(self, after: timedelta | None, reason: str = "") -> None:
        super().__init__(reason or "The task has asked to be tried again.")
        self.after = after


class TaskTimeout(BaseException):
    """
    The task has run for longer than its `timeout`. Raised inside of it.

    Not an Exception, like asyncio.CancelledError: `except Exception` or `except
    OSError` around a retry, in the task or in a library, must not swallow it.
    """


# What goes wrong between taskhub and its broker.


class BrokerError(TaskHubError):
    """The broker refused, or answered something that it should not have."""


class BrokerUnavailable(BrokerError):
    """The broker cannot be reached now; the same call may succeed later."""


class NotPermitted(BrokerError):
    """The broker's user may not do what taskhub does; the text says what that is."""


class QueueDamaged(BrokerError):
    """What the broker has of one queue cannot be used; other queues can."""


class InvalidBrokerURL(BrokerError, ValueError):
    """The broker's URL names no broker that taskhub has."""


class LeaseLost(BrokerError):
    """The lease ended: what this token held belongs to others now."""


class BadMessage(TaskHubError, ValueError):
    """A message that cannot be trusted or understood; the text is the reason."""
