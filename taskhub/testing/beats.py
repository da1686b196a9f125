"""One round of a beat, for the time of a test."""

from datetime import UTC, datetime
from uuid import UUID

from taskhub.beat.batch import Batch
from taskhub.foundation.clock import utc_now
from taskhub.models import PeriodicTask, TaskResult
from taskhub.models.periodic.periodic_task import PeriodicTaskQuerySet


def fire_due() -> list[TaskResult]:
    """Plan new schedules, fire those that are due, and return the new results."""
    now = utc_now()
    # A beat has seen the schedule before the time that the test has set.
    _process(PeriodicTask.writing.without_plan(), min(now, datetime.now(UTC)))
    planned = PeriodicTask.writing.with_plan().filter(look_at__lte=now)
    fired = _process(planned, now)
    rows = TaskResult.writing.in_bulk(fired)
    return [rows[pk] for pk in fired if pk in rows]


def _process(rows: PeriodicTaskQuerySet, now: datetime) -> list[UUID]:
    """Process rows in one batch; return the ids of the results that it enqueued."""
    pks = list(rows.values_list("pk", flat=True))
    batch = Batch(now, check_fired=True)
    batch.process(pks)
    return batch.fired
