"""The exceptions of taskhub. All but TaskTimeout are subclasses of TaskHubError."""

from datetime import timedelta


class TaskHubError(Exception):
    """The base class of the exceptions of taskhub."""


# Errors of the caller.


class InvalidArguments(TaskHubError, TypeError):
    """The arguments do not fit the task's signature, or are not JSON."""


class UnknownTask(TaskHubError, LookupError):
    """No task is registered under that path."""


class UnknownQueue(TaskHubError, LookupError):
    """No backend of taskhub has a queue of that name."""


class UnknownNode(TaskHubError, LookupError):
    """There is no node of that name."""


class InvalidOption(TaskHubError, TypeError):
    """An unknown option, or an option with an invalid value."""


class InvalidSchedule(TaskHubError, ValueError):
    """
    A schedule that cannot be read, or never fires.

    `field` is the field that is wrong; "" if it is not known.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class UnreadableHere(InvalidSchedule):
    """A schedule that this host cannot read; other hosts may."""


class UnknownZone(UnreadableHere):
    """A time zone that this host does not know."""


class SolarNotInstalled(UnreadableHere):
    """A solar schedule, on a host without the library that it needs."""


class CannotRun(TaskHubError):
    """A periodic task that cannot be run now, or not as it is defined."""


class CannotRunHere(CannotRun):
    """A periodic task that this process cannot run; other processes may."""


class SearchTimeout(TaskHubError, TimeoutError):
    """A search took too long and was stopped."""


class TablesMissing(TaskHubError):
    """The database has no tables of django-celery-beat, or those of an old version."""


# Outcomes of a result that `get()` raises.


class ResultTimeout(TaskHubError, TimeoutError):
    """The result has not finished within the timeout."""


class ResultNotKept(TaskHubError, LookupError):
    """The result has no row: its task does not keep it, or it was deleted."""


class ResultTruncated(TaskHubError, ValueError):
    """The return value was too large to store; the row has a part of it."""


class TaskFailed(TaskHubError):
    """The task raised an exception, which the message names."""

    def __init__(self, message: str, *, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


class TaskCancelled(TaskHubError):
    """The task was cancelled before it finished."""


class TaskExpired(TaskCancelled):
    """The task was not started before its expiry."""


class ReferenceGone(TaskHubError, LookupError):
    """The model instance of an argument or a return value is not in the database."""


class WorkerDied(TaskHubError):
    """The worker processes that ran the task died."""


class OnHold(WorkerDied):
    """The worker process that ran the task died; a person decides what happens."""


# Exceptions inside a task.


class Retry(TaskHubError):
    """Raised by `context.retry()`: another attempt follows this one."""

    def __init__(self, after: timedelta | None, reason: str = "") -> None:
        super().__init__(reason or "The task has requested a retry.")
        self.after = after


class TaskTimeout(BaseException):
    """
    Raised in a task that has run for longer than its `timeout`.

    It is not a subclass of Exception, so that `except Exception` does not catch it.
    """


# Errors of brokers.


class BrokerError(TaskHubError):
    """The broker refused, or gave an invalid reply."""


class BrokerUnavailable(BrokerError):
    """The broker cannot be reached now; a later call may succeed."""


class NotPermitted(BrokerError):
    """The broker's user lacks permissions that taskhub needs."""


class QueueDamaged(BrokerError):
    """The data of one queue in the broker cannot be used."""


class InvalidBrokerURL(BrokerError, ValueError):
    """The URL does not name a broker that taskhub supports."""


class LeaseLost(BrokerError):
    """The lease has ended, and other tokens may hold the messages of this one."""


class BadMessage(TaskHubError, ValueError):
    """A message that cannot be verified or read."""
