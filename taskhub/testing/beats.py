"""Rounds of a beat, at the times of a test."""

from datetime import datetime, timedelta
from uuid import UUID

from taskhub.beat.batch import Batch
from taskhub.foundation.clock import is_set, utc_now
from taskhub.models import PeriodicTask, TaskResult
from taskhub.models.periodic.periodic_task import PeriodicTaskQuerySet

#: How long before the first time of a test its schedules count as planned.
_PLANNED_BEFORE = timedelta(minutes=1)


class Beat:
    """
    A beat that seems to have run until shortly before the first time that it sees.

    So a schedule that was made now does not miss all of its runs from now until the
    time that a test has set. What is missed between two times of the test is treated as
    the schedule says.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()

    def fire_due(self) -> list[TaskResult]:
        """Plan new schedules, fire those that are due, and return the new results."""
        now = utc_now()
        _process(PeriodicTask.writing.without_plan(), now)
        if is_set():
            self._plan_as_if_running(now - _PLANNED_BEFORE)
        planned = PeriodicTask.writing.with_plan().filter(look_at__lte=now)
        fired = _process(planned, now)
        rows = TaskResult.writing.in_bulk(fired)
        return [rows[pk] for pk in fired if pk in rows]

    def _plan_as_if_running(self, start: datetime) -> None:
        """Plan schedules that are seen for the first time from `start` on."""
        for row in PeriodicTask.writing.with_plan().exclude(pk__in=self._known):
            self._known.add(row.pk)
            was_planned_later = row.planned_at is not None and row.planned_at > start
            has_missed_runs = row.next_run_at is not None and row.next_run_at < start
            # Planning would disable a schedule that has no further run.
            if (was_planned_later or has_missed_runs) and row.rule.next_after(start):
                row.plan(start)
                row.save()


def _process(rows: PeriodicTaskQuerySet, now: datetime) -> list[UUID]:
    """Process rows in one batch; return the ids of the results that it enqueued."""
    batch = Batch(now, check_fired=True)
    batch.process(list(rows.values_list("pk", flat=True)))
    return batch.fired
