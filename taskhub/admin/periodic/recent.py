"""The last runs of many rows, with one query."""

from collections.abc import Iterable
from uuid import UUID

from taskhub.models import PeriodicTask, TaskResult

#: What is shown of a run; arguments and outcomes may be large, and stay in the table.
_READ = ("id", "status", "enqueued_at", "run_after", "started_at", "finished_at")


def recent_results(rows: Iterable[PeriodicTask]) -> dict[int, list[TaskResult]]:
    """Return the results that rows remember and that are still there, oldest first."""
    wanted = {row.pk: _ids(row) for row in rows}
    everything = {pk for pks in wanted.values() for pk in pks}
    found = {
        result.pk: result
        for result in TaskResult.objects.filter(pk__in=everything).only(*_READ)
    }
    return {
        key: [found[pk] for pk in pks if pk in found] for key, pks in wanted.items()
    }


def last_id(recent_ids: object) -> UUID | None:
    """Return the id of the last run that is remembered, if one is."""
    pks = _as_ids(recent_ids)
    return pks[-1] if pks else None


def _ids(row: PeriodicTask) -> list[UUID]:
    return _as_ids(row.recent_ids)


def _as_ids(recent_ids: object) -> list[UUID]:
    # Whoever may write SQL may have written anything; the pages go on.
    if not isinstance(recent_ids, list):
        return []
    return [pk for each in recent_ids if (pk := _as_id(each)) is not None]


def _as_id(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
