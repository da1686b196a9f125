"""Enable, disable, run, skip and backfill periodic tasks."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from taskhub import producer
from taskhub.db import again_after_deadlock
from taskhub.exceptions import CannotRun
from taskhub.models import Overlap, PeriodicTask, TaskResult
from taskhub.models.base import results_database
from taskhub.models.results.statuses import UNFINISHED_STATUSES
from taskhub.operations.results.lifecycle import cancel
from taskhub.operations.schedules.runs import PendingRun, make_run

MAX_BACKFILLED_RUNS = 1_000


def enable(rows: Iterable[PeriodicTask]) -> int:
    """
    Enable periodic tasks; return how many were enabled.

    The next run is the first after now; without one, a row is disabled again. Raise
    InvalidSchedule if a schedule cannot be read; the rows before it are enabled.
    """
    return _set_enabled(rows, enabled=True)


def disable(rows: Iterable[PeriodicTask]) -> int:
    """Disable periodic tasks; return how many were disabled."""
    return _set_enabled(rows, enabled=False)


def _set_enabled(rows: Iterable[PeriodicTask], *, enabled: bool) -> int:
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
    Run a periodic task now, with all its options, among them its overlap policy.

    Raise CannotRun if this policy forbids the run, UnknownTask or CannotRun if the
    periodic task is faulty, and BrokerError if the earlier run cannot be cancelled.
    """
    with _locked(row) as locked:
        unfinished = unfinished_runs([locked.pk]).get(locked.pk, [])
        if unfinished and locked.overlap in (Overlap.SKIP, Overlap.WAIT):
            raise CannotRun(
                f"An earlier run of {locked.name} has not finished, and its overlap "
                "policy does not allow another one beside it; cancel the earlier run."
            )
        run = make_run(locked, None)
        # Only now: if the run cannot be made, the earlier one continues.
        if unfinished and locked.overlap == Overlap.CANCEL:
            cancel_earlier(unfinished)
        return _enqueue(locked, [run])[0]


def unfinished_runs(pks: Collection[int]) -> dict[int, list[UUID]]:
    """Return the ids of unfinished results by the keys of their periodic tasks."""
    found: dict[int, list[UUID]] = defaultdict(list)
    rows = TaskResult.writing.filter(
        periodic_task__in=pks, status__in=UNFINISHED_STATUSES
    )
    for key, pk in rows.values_list("periodic_task_id", "pk"):
        found[key].append(pk)
    return found


def cancel_earlier(pks: Collection[UUID]) -> None:
    """Cancel the unfinished runs of a schedule because its next run is due."""
    cancel(
        TaskResult.writing.filter(pk__in=pks),
        reason="The next run of its schedule is due.",
    )


@again_after_deadlock(results_database)
def skip_next(row: PeriodicTask) -> datetime | None:
    """Skip the next run, after reading the row again; return its tick, or None."""
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
    Return the ticks from `start` to `end`, both included, that have no run.

    Return at most MAX_BACKFILLED_RUNS ticks, and whether there are more. Raise
    InvalidSchedule if the schedule cannot be read.
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
        if len(ticks) == MAX_BACKFILLED_RUNS:
            return ticks, True
        ticks.append(tick)
    return ticks, False


@again_after_deadlock(results_database)
def backfill(row: PeriodicTask, start: datetime, end: datetime) -> list[TaskResult]:
    """
    Run a periodic task for past ticks without a run, at most MAX_BACKFILLED_RUNS.

    Raise UnknownTask, CannotRun or InvalidSchedule if the periodic task is faulty.
    """
    with _locked(row) as locked:
        ticks, _more = ticks_to_backfill(locked, start, min(end, timezone.now()))
        runs = [make_run(locked, tick) for tick in ticks]
        return _enqueue(locked, runs) if runs else []


def _enqueue(locked: PeriodicTask, runs: list[PendingRun]) -> list[TaskResult]:
    new = [run.result for run in runs]
    producer.submit(runs[0].config, new)
    for result in new:
        locked.remember(result.pk, result.enqueued_at)
    locked.save(update_fields=["recent_ids", "last_run_at", "total_run_count"])
    rows = TaskResult.writing.filter(pk__in=[result.pk for result in new])
    return list(rows.order_by("pk"))


@contextmanager
def _locked(row: PeriodicTask) -> Iterator[PeriodicTask]:
    """Read and lock a row, so that no beat changes it before the commit."""
    with transaction.atomic(using=results_database()):
        yield PeriodicTask.writing.select_for_update().get(pk=row.pk)
