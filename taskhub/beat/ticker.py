"""
The ticker: one look at the rows, and what is to be done about them.

Invariant: whatever beats do, and wherever they die, a tick of a schedule has at most
one result, and a tick that was moved past has the result that its row's policies ask
for.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import connections, transaction
from django.db.models.functions import Now
from django.db.utils import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)

from taskhub import producer
from taskhub.beat.policies import choose_ticks
from taskhub.exceptions import BrokerError, TaskHubError, UnknownTask
from taskhub.models import (
    Overlap,
    PeriodicTask,
    Status,
    TaskResult,
    TaskResultQuerySet,
)
from taskhub.models.ids import first_id_at
from taskhub.models.periodic import PLAN_FIELDS, RUN_FIELDS, PeriodicTaskQuerySet
from taskhub.models.results import results_database
from taskhub.operations import make_run
from taskhub.operations.schedules import Run, cancel_earlier, unfinished_runs
from taskhub.tasks.registry import UNKNOWN_AGAIN, UNKNOWN_FOR

logger = logging.getLogger(__name__)

#: So many rows are dealt with in one transaction.
_BATCH = 500
#: A change by SQL is seen within this.
LONGEST_PAUSE_SECONDS = 1.0
_WAIT = timedelta(seconds=1)


class Ticker:
    """Looks, fires, and says when to look again. Holds nothing between looks."""

    def look(self) -> float:
        """
        Fire what is due; return how many seconds until the next look.

        Blocks for one query, and a transaction for up to 500 rows.

        Raise OperationalError or InterfaceError if the database is away.
        """
        upcoming = list(
            _rows()
            .in_order()
            .annotate(now=Now())
            .values_list("pk", "look_at", "now")[:_BATCH]
        )
        if not upcoming:
            return LONGEST_PAUSE_SECONDS
        _pk, first, now = upcoming[0]
        due = [pk for pk, look_at, _now in upcoming if look_at <= now]
        if due:
            self._fire_apart(due, now)
            return 0.0
        wait: timedelta = first - now
        return min(wait.total_seconds(), LONGEST_PAUSE_SECONDS)

    def _fire_apart(self, pks: Sequence[int], now: datetime) -> None:
        """Fire rows together, or, if the database refuses that, each on its own."""
        try:
            _Look(now, careful=len(pks) == 1).take(pks)
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            if len(pks) == 1:
                _pause(pks[0], error)
                return
            for pk in pks:
                self._fire_apart([pk], now)


class _Look:
    """What is done about some rows, in one transaction."""

    def __init__(self, now: datetime, *, careful: bool) -> None:
        self._now = now
        #: Whether to ask which ticks have a result, before the constraint says so. They
        #: have if somebody has moved the next run back.
        self._careful = careful
        self._runs: list[Run] = []

    def take(self, pks: Sequence[int]) -> None:
        with transaction.atomic(using=results_database()):
            rows = self._lock(pks)
            if not rows:
                return
            for row in rows:
                self._decide(row)
            self._submit()
            _write(rows)

    def _lock(self, pks: Sequence[int]) -> list[PeriodicTask]:
        features = connections[results_database()].features
        # By key, so that the locks are on rows and not on a range of the index.
        locked = list(
            _rows()
            .filter(pk__in=pks, look_at__lte=self._now)
            .order_by("pk")
            .select_for_update(skip_locked=features.has_select_for_update_skip_locked)
        )
        self._unfinished = unfinished_runs(
            [row.pk for row in locked if row.overlap != Overlap.ALLOW]
        )
        self._failing = _failing([row for row in locked if row.pause_after_failures])
        return locked

    def _decide(self, row: PeriodicTask) -> None:
        """Do about one row what is to be done, in its attributes."""
        try:
            if row.is_plan_stale:
                row.plan(self._now)
            else:
                self._fire(row)
        except UnknownTask as error:
            self._wait_for_code(row, error)
        except BrokerError as error:
            logger.warning("%r is due, but has to wait: %s", row.name, error)
            row.postponed_until = self._now + _WAIT
        except DatabaseError:
            raise
        except TaskHubError as error:
            logger.error("Disabled %r: %s", row.name, error)
            row.pause(error)
        except Exception as error:
            # Whatever it is, it is this row's fault: its neighbours are not to suffer.
            logger.exception("Disabled %r.", row.name)
            row.pause(f"{type(error).__name__}: {error}")

    def _fire(self, row: PeriodicTask) -> None:
        if row.pk in self._failing:
            failures = row.pause_after_failures
            logger.error("Disabled %r: its last %s runs failed.", row.name, failures)
            row.pause(f"Its last {failures} runs in a row have failed.")
            return
        due = choose_ticks(row, self._now)
        if due.ticks and (earlier := self._unfinished.get(row.pk)):
            if row.overlap == Overlap.WAIT:
                row.postponed_until = self._now + _WAIT
                return
            if row.overlap == Overlap.SKIP:
                self._skip(row, due.ticks)
                row.move_to(due.following)
                return
            cancel_earlier(earlier)
        if not due.ticks:
            logger.warning("%r was due at %s, and missed.", row.name, row.next_run_at)
        runs = [make_run(row, tick) for tick in self._without_result(row, due.ticks)]
        for run in runs:
            row.remember(run.result.pk, run.result.enqueued_at)
        self._runs += runs
        row.move_to(due.following)

    def _skip(self, row: PeriodicTask, ticks: Collection[datetime]) -> None:
        row.skipped_run_count += len(ticks)
        row.last_skipped_at = self._now
        logger.info("Skipped a run of %r: an earlier one has not finished.", row.name)

    def _without_result(
        self, row: PeriodicTask, ticks: list[datetime]
    ) -> list[datetime]:
        if not self._careful:
            return ticks
        rows = _results().filter(periodic_task=row.pk, tick_at__in=ticks)
        fired = set(rows.values_list("tick_at", flat=True))
        return [tick for tick in ticks if tick not in fired]

    def _wait_for_code(self, row: PeriodicTask, error: UnknownTask) -> None:
        """Leave a task that is not registered here to a beat that knows it."""
        assert row.next_run_at is not None  # noqa: S101  it was due
        if self._now - row.next_run_at > UNKNOWN_FOR:
            logger.error("Disabled %r: %s", row.name, error)
            row.pause(error)
            return
        if row.postponed_until is None:
            logger.warning("%r is due, but not yet known: %s", row.name, error)
        row.postponed_until = self._now + UNKNOWN_AGAIN

    def _submit(self) -> None:
        by_backend: dict[str, list[Run]] = defaultdict(list)
        for run in self._runs:
            by_backend[run.config.alias].append(run)
        for runs in by_backend.values():
            producer.submit(runs[0].config, [run.result for run in runs])


def _failing(rows: Collection[PeriodicTask]) -> set[int]:
    """Return the keys of rows of which so many runs in a row have failed."""
    recent = [pk for row in rows for pk in row.recent_ids]
    if not recent:
        return set()
    statuses: dict[int, list[str]] = defaultdict(list)
    by_key = {row.pk: row for row in rows}
    finished = _results().filter(pk__in=recent).finished().order_by("id")
    for key, pk, status in finished.values_list("periodic_task_id", "pk", "status"):
        row = by_key.get(key)
        # Only since it was enabled: whoever did that knows of the failures before.
        if row and row.planned_at and pk >= first_id_at(row.planned_at):
            statuses[key].append(status)
    return {
        key
        for key, ended in statuses.items()
        if (most := by_key[key].pause_after_failures)
        and ended[-most:] == [Status.FAILED] * most
    }


def _write(rows: Sequence[PeriodicTask]) -> None:
    # They exist and are locked: of the INSERT, only what it does on a conflict counts.
    features = connections[results_database()].features
    _rows().bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["schedule", *PLAN_FIELDS, *RUN_FIELDS],
        unique_fields=(
            ["id"] if features.supports_update_conflicts_with_target else None
        ),
    )


def _pause(pk: int, error: DatabaseError) -> None:
    """Disable a row that the database refuses to have fired."""
    if isinstance(error, IntegrityError):
        reason = f"The database refuses its next run: {error}"
    else:
        reason = f"The database refuses it: {error}"
    with transaction.atomic(using=results_database()):
        row = _rows().select_for_update().filter(pk=pk).first()
        if row is not None:
            logger.error("Disabled %r: %s", row.name, reason)
            row.pause(reason.strip())
            row.save(update_fields=PLAN_FIELDS)


def _rows() -> PeriodicTaskQuerySet:
    return PeriodicTaskQuerySet(PeriodicTask, using=results_database())


def _results() -> TaskResultQuerySet:
    return TaskResultQuerySet(TaskResult, using=results_database())
