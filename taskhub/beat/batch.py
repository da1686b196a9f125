"""
A batch of rows that are planned, fired or disabled in one transaction.

Invariant: wherever a beat dies, each tick of a schedule has at most one result, and
each past tick has the result that the policies of its row require.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections, transaction
from django.db.utils import Error as DatabaseFault

from taskhub import producer
from taskhub.beat.policies import choose_ticks
from taskhub.exceptions import (
    BrokerError,
    CannotRunHere,
    TaskHubError,
    UnknownTask,
    UnknownZone,
    UnreadableHere,
)
from taskhub.models import Overlap, PeriodicTask, Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.ids import first_id_at, ids_in
from taskhub.models.periodic.periodic_task import PLAN_FIELDS, RUN_FIELDS
from taskhub.operations.schedules import PendingRun, make_run
from taskhub.operations.schedules.actions import cancel_earlier, unfinished_runs
from taskhub.tasks.registry import UNKNOWN_AGAIN, UNKNOWN_FOR

logger = logging.getLogger(__name__)

#: A batch updates these fields. A `schedule` that SQL has written gets its usual form.
_UPDATED_FIELDS = ("schedule", *PLAN_FIELDS, *RUN_FIELDS)
#: The fields of the INSERT, which also identify the row.
_INSERTED_FIELDS = ("id", "name", *_UPDATED_FIELDS)
#: How long until a row that waits for the broker or an earlier run is checked again.
_POSTPONED_FOR = timedelta(seconds=1)


class Batch:
    """Rows that are processed in one transaction."""

    def __init__(
        self, now: datetime, *, check_fired: bool = False, only_due: bool = True
    ) -> None:
        self._now = now
        #: Whether to skip rows that are not due any more.
        self._only_due = only_due
        #: Whether to query and skip ticks that have a result, since somebody has moved
        #: the next run back. Otherwise, the unique constraint refuses the whole batch.
        self._check_fired = check_fired
        self._runs: list[PendingRun] = []
        #: Why rows are disabled or cannot be fired here, by key; kept if writing fails.
        self.reasons: dict[int, str] = {}
        #: Schedules that this host cannot read. The keys are lookups that find their
        #: rows; the values are the name of one of these rows and the reason.
        self.unreadable: dict[tuple[str, str], tuple[str, str]] = {}
        #: What is logged after the commit: level, format, arguments and exception.
        self._log_entries: list[
            tuple[int, str, tuple[object, ...], Exception | None]
        ] = []

    @property
    def fired(self) -> list[UUID]:
        """The ids of the results that were enqueued."""
        return [run.result.id for run in self._runs]

    def process(self, pks: Sequence[int]) -> None:
        """
        Lock the rows that are still due, and plan, fire or disable each of them.

        Skip rows that another beat has locked, or wait for them if the database cannot
        skip them. Block for a transaction. If it fails, nothing has been changed.
        """
        with transaction.atomic(using=results_database()):
            rows = self._lock(pks)
            if not rows:
                return
            for row in rows:
                self._decide(row)
            self._submit()
            _write(rows)
        for level, text, parts, error in self._log_entries:
            logger.log(level, text, *parts, exc_info=error)

    def _log(
        self, level: int, text: str, *parts: object, error: Exception | None = None
    ) -> None:
        self._log_entries.append((level, text, parts, error))

    def _disable(
        self, row: PeriodicTask, reason: object, error: Exception | None = None
    ) -> None:
        self._log(logging.ERROR, "Disabled %r: %s", row.name, reason, error=error)
        row.disable(reason)
        self.reasons[row.pk] = row.disabled_reason

    def _lock(self, pks: Sequence[int]) -> list[PeriodicTask]:
        features = connections[results_database()].features
        # Filter by key, so that the database locks rows, and no range of an index.
        rows = PeriodicTask.writing.filter(pk__in=pks).order_by("pk")
        if self._only_due:
            rows = rows.filter(look_at__lte=self._now)
        locked = list(
            rows.select_for_update(
                skip_locked=features.has_select_for_update_skip_locked
            )
        )
        self._unfinished = unfinished_runs(
            [row.pk for row in locked if row.overlap != Overlap.ALLOW]
        )
        self._failing = _failing([row for row in locked if row.disable_after_failures])
        return locked

    def _decide(self, row: PeriodicTask) -> None:
        """Plan, fire or disable one row, in its attributes; _write() stores them."""
        try:
            self._plan_or_fire(row)
        except (UnknownTask, CannotRunHere) as error:
            self._wait_for_code(row, error)
        except UnreadableHere as error:
            # A beat on another host may be able to read it.
            row.postpone(error, row.postponed_until)
            self.unreadable[_lookup_of(row, error)] = (row.name, str(error))
        except BrokerError as error:
            text = "%r is due, but cannot be enqueued yet: %s"
            self._log(logging.WARNING, text, row.name, error)
            row.postpone(error, self._now + _POSTPONED_FOR)
        except DatabaseFault:
            raise
        except TaskHubError as error:
            self._disable(row, error)
        except Exception as error:
            # Disable only this row, so that the others are fired.
            self._disable(row, f"{type(error).__name__}: {error}", error)

    def _plan_or_fire(self, row: PeriodicTask) -> None:
        if row.is_plan_stale:
            row.plan(self._now)
            return
        if row.is_plan_outdated:
            self._plan_by_new_rules(row)
        if row.is_plan_ahead(self._now):
            text = "The clock was set back; %r was planned for %s and is planned anew."
            self._log(logging.WARNING, text, row.name, row.next_run_at)
            row.plan(self._now)
        if not row.enabled or row.next_run_at is None:
            return
        if row.next_run_at <= self._now:
            self._fire(row)
        else:
            # Somebody has moved the next run.
            row.postpone("")

    def _plan_by_new_rules(self, row: PeriodicTask) -> None:
        old = row.next_run_at
        row.plan_by_new_rules()
        text = "The rules of its time zone have changed: %r was planned for %s, now %s."
        self._log(logging.WARNING, text, row.name, old, row.next_run_at)

    def _fire(self, row: PeriodicTask) -> None:
        if row.pk in self._failing:
            failures = row.disable_after_failures
            self._disable(row, f"Its last {failures} runs in a row have failed.")
            return
        due = choose_ticks(row, self._now)
        earlier = self._unfinished.get(row.pk)
        if due.ticks and earlier:
            if row.overlap == Overlap.WAIT:
                row.postpone("", self._now + _POSTPONED_FOR)
                return
            if row.overlap == Overlap.SKIP:
                self._skip(row, due.ticks)
                row.move_to(due.following, after=due.after)
                return
        if not due.ticks:
            text = "%r was due at %s, and was missed."
            self._log(logging.WARNING, text, row.name, row.next_run_at)
        runs = [make_run(row, tick) for tick in self._without_result(row, due.ticks)]
        # Only now: if a run cannot be made, the earlier one continues.
        if runs and earlier:
            cancel_earlier(earlier)
        for run in runs:
            row.remember(run.result.pk, run.result.enqueued_at)
        self._runs += runs
        row.move_to(due.following, after=due.after)

    def _skip(self, row: PeriodicTask, ticks: Collection[datetime]) -> None:
        row.skipped_run_count += len(ticks)
        row.last_skipped_at = self._now
        text = "Skipped a run of %r: an earlier one has not finished."
        self._log(logging.INFO, text, row.name)

    def _without_result(
        self, row: PeriodicTask, ticks: list[datetime]
    ) -> list[datetime]:
        if not self._check_fired:
            return ticks
        rows = TaskResult.writing.filter(periodic_task=row.pk, tick_at__in=ticks)
        fired = set(rows.values_list("tick_at", flat=True))
        return [tick for tick in ticks if tick not in fired]

    def _wait_for_code(
        self, row: PeriodicTask, error: UnknownTask | CannotRunHere
    ) -> None:
        """Postpone a row for beats with other code; disable it after UNKNOWN_FOR."""
        assert row.next_run_at is not None  # noqa: S101  it was due
        if self._now - row.next_run_at > UNKNOWN_FOR:
            self._disable(row, error)
            return
        if row.postponed_until is None:
            text = "%r is due, but this code cannot run it: %s"
            self._log(logging.WARNING, text, row.name, error)
        row.postpone(error, self._now + UNKNOWN_AGAIN)
        self.reasons[row.pk] = row.postponed_because

    def _submit(self) -> None:
        by_backend: dict[str, list[PendingRun]] = defaultdict(list)
        for run in self._runs:
            by_backend[run.config.alias].append(run)
        for runs in by_backend.values():
            producer.submit(runs[0].config, [run.result for run in runs])


def _lookup_of(row: PeriodicTask, error: UnreadableHere) -> tuple[str, str]:
    """Return a lookup of all schedules that cannot be read for the same reason."""
    text = row.schedule.text
    if isinstance(error, UnknownZone):
        return "schedule__endswith", f" {text.rpartition(' ')[2]}"
    return "schedule__startswith", f"{text.partition(' ')[0]} "


def _failing(rows: Collection[PeriodicTask]) -> set[int]:
    """Return the keys of rows whose latest runs failed, so that they are disabled."""
    recent = [pk for row in rows for pk in ids_in(row.recent_ids)]
    if not recent:
        return set()
    statuses: dict[int, list[str]] = defaultdict(list)
    by_key = {row.pk: row for row in rows}
    finished = TaskResult.writing.filter(pk__in=recent).finished().order_by("id")
    for key, pk, status in finished.values_list("periodic_task_id", "pk", "status"):
        row = by_key.get(key)
        # Failures before the schedule was enabled do not count.
        if row and row.planned_at and pk >= first_id_at(row.planned_at):
            statuses[key].append(status)
    return {
        key
        for key, ended in statuses.items()
        if (limit := by_key[key].disable_after_failures)
        and ended[-limit:] == [Status.FAILED] * limit
    }


def _write(rows: Sequence[PeriodicTask]) -> None:
    # The rows exist and are locked, so each INSERT conflicts and becomes an UPDATE. The
    # arguments of the rows are not among the fields, since they may be large.
    features = connections[results_database()].features
    PeriodicTask.writing.bulk_create(
        [
            PeriodicTask(**{name: getattr(row, name) for name in _INSERTED_FIELDS})
            for row in rows
        ],
        update_conflicts=True,
        update_fields=_UPDATED_FIELDS,
        unique_fields=(
            ["id"] if features.supports_update_conflicts_with_target else None
        ),
    )
