"""The last results of periodic tasks."""

from collections.abc import Iterable
from uuid import UUID

from taskhub.models import PeriodicTask, TaskResult, TaskResultQuerySet
from taskhub.models.ids import ids_in

#: The columns that are read. Arguments and return values may be large.
_COLUMNS = (
    "id",
    "status",
    "attempts",
    "enqueued_at",
    "run_after",
    "started_at",
    "last_attempted_at",
    "finished_at",
)


def recent_results(
    rows: Iterable[PeriodicTask], results: TaskResultQuerySet
) -> dict[int, list[TaskResult]]:
    """Return the last results by the key of the row, oldest first, with one query."""
    wanted = {row.pk: ids_in(row.recent_ids) for row in rows}
    everything = {pk for pks in wanted.values() for pk in pks}
    found = {
        result.pk: result
        for result in results.filter(pk__in=everything).only(*_COLUMNS)
    }
    return {
        key: [found[pk] for pk in pks if pk in found] for key, pks in wanted.items()
    }


def last_id(recent_ids: object) -> UUID | None:
    """Return the id of the last run, or None if there was none."""
    pks = ids_in(recent_ids)
    return pks[-1] if pks else None
