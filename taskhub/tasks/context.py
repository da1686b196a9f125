"""`Context`: the first argument of a task with `takes_context=True`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import InvalidArguments, Retry
from taskhub.retries import bounded

if TYPE_CHECKING:
    from taskhub.tasks.result import Result

#: In JSON, every database stores integers up to this without rounding.
MAX_PROGRESS = 10**15

#: Receives the progress of the running task: done, total, message.
ReportProgress = Callable[[float, float | None, str], None]


@dataclass(frozen=True, kw_only=True)
class Context(compat.TaskContext):  # type: ignore[misc, type-arg]
    """Django's context, `task_result` and `attempt`, plus a way to report progress."""

    if TYPE_CHECKING:
        # Django's own field; only the type is ours.
        task_result: Result[Any]

    #: None outside of a worker.
    report: ReportProgress | None = field(default=None, repr=False, compare=False)
    #: Returns whether the run was cancelled; None outside of a worker.
    asks_to_end: Callable[[], bool] | None = field(
        default=None, repr=False, compare=False
    )
    #: The due time for which a schedule fired this run; None without a schedule.
    tick_at: datetime | None = None

    @property
    def cancelled(self) -> bool:
        """
        Whether somebody has cancelled this run.

        A sync task should check this regularly, and return early. The outcome of a
        cancelled run is not recorded. An `async def` task is cancelled by an exception
        instead.
        """
        return self.asks_to_end is not None and self.asks_to_end()

    def progress(
        self, done: float, total: float | None = None, message: str = ""
    ) -> None:
        """
        Report how far the task is; the row's `progress` stores it.

        Do not block. Of calls in quick succession, only the last is stored. Do nothing
        outside of a worker. Raise InvalidArguments if `done` or `total` is not an int
        or float from -MAX_PROGRESS to MAX_PROGRESS.
        """
        _check_progress("done", done)
        if total is not None:
            _check_progress("total", total)
        if self.report is not None:
            self.report(done, total, str(message))

    def retry(
        self, after: timedelta | float | None = None, reason: str = ""
    ) -> NoReturn:
        """
        End this attempt, and retry the task.

        `after` is a timedelta or seconds, from 0 to a year; without it, the task's
        backoff decides. The attempt counts as failed, so the last one of `max_attempts`
        is not retried. Raise ValueError if `after` is NaN.
        """
        raise Retry(None if after is None else bounded(after), reason)


def _check_progress(name: str, value: object) -> None:
    # NaN is refused, too, since its comparisons are False.
    if isinstance(value, int | float) and -MAX_PROGRESS <= value <= MAX_PROGRESS:
        return
    # The message leaves the value out, which may come from a masked argument.
    given = "not in that range"
    if not isinstance(value, int | float):
        given = f"of type {type(value).__qualname__}"
    raise InvalidArguments(
        "context.progress() takes numbers, int or float, from -10**15 to 10**15; "
        f"{name} is {given}."
    )
