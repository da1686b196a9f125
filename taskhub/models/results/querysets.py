"""Queries of results."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self
from uuid import UUID

from django.db import models
from django.db.models import Avg, Case, Count, DurationField, F, Max, Q, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from taskhub.models.ids import first_id_at
from taskhub.models.results.statuses import IN_LINE_STATUSES, UNFINISHED_STATUSES

if TYPE_CHECKING:
    from taskhub.models.results.task_result import TaskResult  # noqa: F401


class HasPath(Protocol):
    """A task, of which queries need only the dotted path."""

    @property
    def module_path(self) -> str: ...


@dataclass(frozen=True)
class Stats:
    """Statistics of some results. A duration is None if no result has one."""

    total: int
    ready: int
    running: int
    successful: int
    failed: int
    cancelled: int
    on_hold: int
    mean_run: timedelta | None
    longest_run: timedelta | None

    @property
    def unfinished(self) -> int:
        return self.ready + self.running + self.on_hold

    @property
    def finished(self) -> int:
        return self.total - self.unfinished


class TaskResultQuerySet(models.QuerySet["TaskResult", "TaskResult"]):
    """
    Results, filtered by chained methods.

        TaskResult.objects.for_task(send_welcome).failed().since(hours=1)
    """

    def for_task(self, task: HasPath | str) -> Self:
        """Filter by a task, or its dotted path."""
        return self.filter(
            task_path=task if isinstance(task, str) else task.module_path
        )

    def in_queue(self, queue_name: str) -> Self:
        """Filter by a queue."""
        return self.filter(queue_name=queue_name)

    def ready(self) -> Self:
        """Filter results that wait for a worker, or for their `run_after`."""
        return self._not_successful("READY")

    def running(self) -> Self:
        """Filter results that a worker is running; short runs are not marked so."""
        return self._not_successful("RUNNING")

    def on_hold(self) -> Self:
        """Filter results whose worker has died, and which wait for a decision."""
        return self._not_successful("ON_HOLD")

    def successful(self) -> Self:
        """Filter results whose task returned a value."""
        return self.filter(status="SUCCESSFUL")

    def failed(self) -> Self:
        """Filter results whose last attempt failed; results to be retried are ready."""
        return self._not_successful("FAILED")

    def cancelled(self) -> Self:
        """Filter results that were cancelled before or during their run."""
        return self._not_successful("CANCELLED")

    def unfinished(self) -> Self:
        """Filter results without an outcome: ready, running or on hold."""
        return self._not_successful(*UNFINISHED_STATUSES)

    def in_line(self) -> Self:
        """Filter results that the broker has a message of: ready or running."""
        return self._not_successful(*IN_LINE_STATUSES)

    def finished(self) -> Self:
        """Filter results with an outcome."""
        return self.exclude(status__in=UNFINISHED_STATUSES)

    def _not_successful(self, *statuses: str) -> Self:
        # SQLite uses a partial index only if the query repeats the index's condition.
        return self.filter(~Q(status="SUCCESSFUL"), status__in=statuses)

    def since(self, moment: datetime | None = None, /, **ago: float) -> Self:
        """
        Filter results enqueued since a time, or in the last hour: `since(hours=1)`.

        Take an aware datetime or the arguments of timedelta. The filter uses the
        primary key, and is precise to the millisecond.
        """
        if (moment is None) == (not ago):
            raise TypeError("since() takes an aware datetime, or e.g. hours=1.")
        start = moment or timezone.now() - timedelta(**ago)
        return self.filter(id__gte=first_id_at(start))

    def before(self, moment: datetime | None = None, /, **ago: float) -> Self:
        """Filter results enqueued before a time, or 30 days ago: `before(days=30)`."""
        if (moment is None) == (not ago):
            raise TypeError("before() takes an aware datetime, or e.g. days=30.")
        end = moment or timezone.now() - timedelta(**ago)
        return self.filter(id__lt=first_id_at(end))

    def stats(self) -> Stats:
        """Count results by status, and measure their last attempts; one query."""
        last = F("finished_at") - Coalesce("last_attempted_at", "started_at")
        # A result that was cancelled while it waited for a retry, or finished while it
        # was on hold, has not run since.
        waited = Q(last_attempted_at__lt=F("run_after")) & (
            Q(status="CANCELLED") | Q(finished_at=F("run_after"))
        )
        run = Case(When(waited, then=None), default=last, output_field=DurationField())
        counts = {
            name: Count("id", filter=Q(status=name.upper()))
            for name in (
                "ready",
                "running",
                "on_hold",
                "successful",
                "failed",
                "cancelled",
            )
        }
        answer = self.order_by().aggregate(
            total=Count("id"), mean_run=Avg(run), longest_run=Max(run), **counts
        )
        return Stats(**answer)

    def ids(self) -> list[UUID]:
        """Return the ids."""
        return list(self.values_list("id", flat=True))


if TYPE_CHECKING:

    class TaskResultManager(  # type: ignore[misc]
        TaskResultQuerySet, models.Manager["TaskResult"]
    ):
        """The class of the manager from `as_manager()`, for type checkers."""
