"""What operators do to periodic tasks: enable, disable, run, skip, backfill."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from taskhub import producer
from taskhub.deadlocks import again_after_deadlock
from taskhub.exceptions import (
    CannotRun,
)
from taskhub.models import Overlap, PeriodicTask, TaskResult
from taskhub.models.base import results_database
from taskhub.models.results.task_result import UNFINISHED
from taskhub.operations.results.lifecycle import cancel
from taskhub.operations.schedules.runs import PendingRun, make_run

#: So many runs are made up for at a time.
MOST_BACKFILLED = 1_000


def enable(rows: Iterable[PeriodicTask]) -> int:
    """
    Enable periodic tasks; their next run is the first after now. Return how many were.

    One that has nothing to run any more disables itself at once, and says why.

    Raise InvalidSchedule for one whose schedule cannot be read; those before it are
    enabled.
    """
    return _switch(rows, enabled=True)


def disable(rows: Iterable[PeriodicTask]) -> int:
    """Disable periodic tasks, until somebody enables them. Return how many were."""
    return _switch(rows, enabled=False)


def _switch(rows: Iterable[PeriodicTask], *, enabled: bool) -> int:
    count = 0
    for row in rows:
        if row.enabled is not enabled:
            row.enabled = enabled
            row.save(update_fields=["enabled"])
            count += row.enabled is enabled
    return count


@again_after_deadlock(results_database)
def run_now(row: PeriodicTask) -> TaskResult:
    """
    Run a periodic task now, with all its options.

    Also with its overlap policy: an earlier run that has not finished is cancelled, or
    is a reason not to run.

    Raise UnknownTask or CannotRun if it cannot be run as it is, or now.
    """
    with _locked(row) as locked:
        unfinished = unfinished_runs([locked.pk]).get(locked.pk, [])
        if unfinished and locked.overlap in (Overlap.SKIP, Overlap.WAIT):
            raise CannotRun(
                f"An earlier run of {locked.name} has not finished, and its overlap "
                "policy does not allow another one beside it."
            )
        if unfinished and locked.overlap == Overlap.CANCEL:
            cancel_earlier(unfinished)
        return _submit(locked, [make_run(locked, None)])[0]


def unfinished_runs(pks: Collection[int]) -> dict[int, list[UUID]]:
    """Return the ids of the unfinished results of periodic tasks, by their keys."""
    found: dict[int, list[UUID]] = defaultdict(list)
    rows = TaskResult.writing.filter(periodic_task__in=pks, status__in=UNFINISHED)
    for key, pk in rows.values_list("periodic_task_id", "pk"):
        found[key].append(pk)
    return found


def cancel_earlier(pks: Collection[UUID]) -> None:
    """Cancel earlier runs of a schedule because of a new one."""
    cancel(
        TaskResult.writing.filter(pk__in=pks),
        reason="The next run of its schedule is due.",
    )


@again_after_deadlock(results_database)
def skip_next(row: PeriodicTask) -> datetime | None:
    """
    Leave out the next run; return the tick that was, or None if there was none.

    The row is read anew, since the beat may have fired it meanwhile.
    """
    with _locked(row) as locked:
        skipped = locked.next_run_at
        if not locked.enabled or locked.is_plan_stale or skipped is None:
            return None
        locked.skipped_run_count += 1
        locked.last_skipped_at = timezone.now()
        locked.move_to(locked.rule.next_after(skipped), after=skipped)
        locked.save()
    return skipped


def ticks_to_backfill(
    row: PeriodicTask, start: datetime, end: datetime
) -> tuple[list[datetime], bool]:
    """
    Return the ticks from `start` to `end`, both included, that have no run yet.

    The second is whether there are more than the 1,000 that are made up for at a time.

    Raise InvalidSchedule if the schedule cannot be read.
    """
    fired = set(
        TaskResult.writing.filter(
            periodic_task=row.pk, tick_at__range=(start, end)
        ).values_list("tick_at", flat=True)
    )
    ticks: list[datetime] = []
    for tick in row.rule.between(start - timedelta(microseconds=1), end):
        if tick in fired:
            continue
        if len(ticks) == MOST_BACKFILLED:
            return ticks, True
        ticks.append(tick)
    return ticks, False


@again_after_deadlock(results_database)
def backfill(row: PeriodicTask, start: datetime, end: datetime) -> list[TaskResult]:
    """
    Run a periodic task for past ticks that have no run, 1,000 at the most.

    Raise UnknownTask, CannotRun or InvalidSchedule if it cannot be run as it is.
    """
    with _locked(row) as locked:
        ticks, _more = ticks_to_backfill(locked, start, min(end, timezone.now()))
        runs = [make_run(locked, tick) for tick in ticks]
        return _submit(locked, runs) if runs else []


def _submit(locked: PeriodicTask, runs: list[PendingRun]) -> list[TaskResult]:
    new = [run.result for run in runs]
    producer.submit(runs[0].config, new)
    for result in new:
        locked.remember(result.pk, result.enqueued_at)
    locked.save(update_fields=["recent_ids", "last_run_at", "total_run_count"])
    return list(
        TaskResult.writing.filter(pk__in=[result.pk for result in new]).order_by("pk")
    )


@contextmanager
def _locked(row: PeriodicTask) -> Iterator[PeriodicTask]:
    """Read a row anew, and keep the beat from it until what is done is committed."""
    with transaction.atomic(using=results_database()):
        yield PeriodicTask.writing.select_for_update().get(pk=row.pk)
