"""Which results a worker would run now."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from taskhub.conf import configs
from taskhub.foundation.clock import is_set, utc_now
from taskhub.models import QueueState, TaskResult, TaskResultQuerySet
from taskhub.models.results.querysets import HasPath

#: Due times of retries are by the database's clock, which may be this much ahead.
_MAX_EARLY = timedelta(seconds=2)


def due_results(
    task: HasPath | None = None,
    *,
    brought_forward: Collection[UUID] = (),
    left_out: Collection[UUID] = (),
) -> TaskResultQuerySet:
    """
    Return the results that are due, of one task or all, in the order of the brokers.

    Leave out paused queues, and backends that are not taskhub's.
    """
    now = utc_now()
    due = Q(run_after=None) | Q(run_after__lte=now)
    if not is_set():
        due |= Q(attempts__gt=0, run_after__lte=now + _MAX_EARLY)
    if brought_forward:
        due |= Q(pk__in=brought_forward)
    pauses = QueueState.writing.filter(
        backend=OuterRef("backend"),
        queue_name=OuterRef("queue_name"),
        paused_at__isnull=False,
    )
    rows = TaskResult.writing.ready().filter(
        due, ~Exists(pauses), backend__in=[config.alias for config in configs()]
    )
    if task is not None:
        rows = rows.for_task(task)
    if left_out:
        rows = rows.exclude(pk__in=left_out)
    return rows.order_by("-priority", "id")
