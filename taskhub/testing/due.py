"""Which results a worker would run now, in the order of the brokers."""

from collections.abc import Collection, Iterator
from datetime import timedelta
from functools import cache
from uuid import UUID

from django.db.models import Exists, OuterRef

from taskhub.compat.private_apis import CompiledSelect
from taskhub.conf import find_config
from taskhub.foundation.clock import is_set, utc_now
from taskhub.models import QueueState, Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.results.querysets import HasPath
from taskhub.testing.paths import path_of

#: Due times of retries are by the database's clock, which may be this much ahead.
_MAX_EARLY = timedelta(seconds=2)


class Due:
    """
    Finds due results of one task, or of all tasks if it is None.

    Queues that are paused, and backends that are not taskhub's, have no due results.
    """

    def __init__(self, task: HasPath | None) -> None:
        self._path = None if task is None else path_of(task)
        #: Results that are due whatever their row says.
        self.brought_forward: set[UUID] = set()

    def find(self, *, besides: Collection[UUID]) -> Iterator[TaskResult]:
        """Yield the due results, except for those `besides`."""
        rows = _waiting(results_database())
        start, size = 0, 1
        while batch := rows.read(start=start, size=size):
            for row in batch:
                if row.pk not in besides and self._is_due(row):
                    yield row
            if len(batch) < size:
                return
            start, size = start + size, size * 2 + 10

    def _is_due(self, row: TaskResult) -> bool:
        if self._path is not None and row.task_path != self._path:
            return False
        if find_config(row.backend) is None:
            return False
        if row.run_after is None or row.pk in self.brought_forward:
            return True
        early = timedelta(0) if is_set() or not row.attempts else _MAX_EARLY
        return row.run_after <= utc_now() + early


@cache
def _waiting(alias: str) -> CompiledSelect[TaskResult]:
    """
    Return the query of waiting results that are not in paused queues.

    It is compiled once, since compiling takes longer than reading the few rows of a
    test. The conditions that differ from call to call are not in it.
    """
    pauses = QueueState.objects.using(alias).filter(
        backend=OuterRef("backend"),
        queue_name=OuterRef("queue_name"),
        paused_at__isnull=False,
    )
    rows = TaskResult.objects.using(alias).filter(~Exists(pauses), status=Status.READY)
    return CompiledSelect(rows.order_by("-priority", "id"))
