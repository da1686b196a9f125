"""The last runs of many rows, with one query."""

from collections.abc import Iterable
from uuid import UUID

from taskhub.models import PeriodicTask, TaskResult, TaskResultQuerySet
from taskhub.models.ids import ids_in

#: What is shown of a run; arguments and outcomes may be large, and stay in the table.
_READ = (
    "id",
    "status",
    "enqueued_at",
    "run_after",
    "started_at",
    "last_attempted_at",
    "finished_at",
)


def recent_results(
    rows: Iterable[PeriodicTask], results: TaskResultQuerySet
) -> dict[int, list[TaskResult]]:
    """Return those of the results that rows remember, oldest first."""
    wanted = {row.pk: ids_in(row.recent_ids) for row in rows}
    everything = {pk for pks in wanted.values() for pk in pks}
    found = {
        result.pk: result for result in results.filter(pk__in=everything).only(*_READ)
    }
    return {
        key: [found[pk] for pk in pks if pk in found] for key, pks in wanted.items()
    }


def last_id(recent_ids: object) -> UUID | None:
    """Return the id of the last run that is remembered, if one is."""
    pks = ids_in(recent_ids)
    return pks[-1] if pks else None
