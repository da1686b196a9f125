"""What a task that takes its context receives as its first argument."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from taskhub import compat
from taskhub.exceptions import Retry
from taskhub.retries import MAX_PAUSE, bounded

#: Receives the progress of the running task: done, total, message.
ReportProgress = Callable[[float, float | None, str], None]


@dataclass(frozen=True, kw_only=True)
class Context(compat.TaskContext):  # type: ignore[misc, type-arg]
    """Django's context, `task_result` and `attempt`, plus a way to report progress."""

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
        """
        if self.report is not None:
            self.report(done, total, message)

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
