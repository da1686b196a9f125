"""What a task that takes its context receives as its first argument."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import InvalidArguments, Retry
from taskhub.retries import MAX_PAUSE, bounded

if TYPE_CHECKING:
    from taskhub.tasks.result import Result

#: The largest number that progress() takes; every database's JSON holds it exactly.
MAX_PROGRESS = 10**15

#: Receives the progress of the running task: done, total, message.
ReportProgress = Callable[[float, float | None, str], None]


@dataclass(frozen=True, kw_only=True)
class Context(compat.TaskContext):  # type: ignore[misc, type-arg]
    """Django's context, `task_result` and `attempt`, plus a way to report progress."""

    if TYPE_CHECKING:
        # Django's own field; only the type is ours.
        task_result: Result[Any]

    report: ReportProgress | None = field(default=None, repr=False, compare=False)
    asks_to_end: Callable[[], bool] | None = field(
        default=None, repr=False, compare=False
    )
    #: The due time that a schedule fired this run for; None if none has.
    tick_at: datetime | None = None

    @property
    def cancelled(self) -> bool:
        """
        Whether somebody has cancelled this run: to be asked now and then.

        What it does from then on is not recorded. An `async def` task is cancelled by
        an exception instead.
        """
        return self.asks_to_end is not None and self.asks_to_end()

    def progress(
        self, done: float, total: float | None = None, message: str = ""
    ) -> None:
        """
        Tell how far the task is; it is stored in the row's `progress`.

        Never blocks: calls that follow each other fast are stored as one. Does nothing
        where nobody listens, as in a plain call.

        Raise InvalidArguments if `done` or `total` is not an int or float, or is not
        finite, or larger than MAX_PROGRESS.
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
        End this attempt, and have the task tried again.

        `after` is a timedelta or seconds, between 0 (at once) and a year; without it,
        the task's own backoff says how long to wait. This counts as a failed attempt:
        with none left of its `max_attempts`, the task has failed.
        """
        if after is not None:
            if not isinstance(after, timedelta):
                after = timedelta(seconds=min(after, MAX_PAUSE.total_seconds()))
            after = bounded(after)
        raise Retry(after, reason)


def _check_progress(name: str, value: object) -> None:
    # Written so that NaN is refused, too.
    if isinstance(value, int | float) and -MAX_PROGRESS <= value <= MAX_PROGRESS:
        return
    # Not the value, which may come from a masked argument.
    given = "not in that range"
    if not isinstance(value, int | float):
        given = f"of type {type(value).__qualname__}"
    raise InvalidArguments(
        "context.progress() takes numbers, int or float, from -10**15 to 10**15; "
        f"{name} is {given}."
    )
