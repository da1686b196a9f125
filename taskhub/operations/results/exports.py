"""Results as they are taken away: plain values, with masked arguments as dots."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from taskhub.models import TaskResult, TaskResultQuerySet
from taskhub.operations.results.selection import Selection
from taskhub.operations.results.time_limit import search_time_limit
from taskhub.tasks.masking import masked

#: So many results are looked for at a time; searching may take as long for a few.
_IDS_AT_A_TIME = 1_000
#: So many of them are in memory at a time: each may have a MiB of arguments.
_AT_A_TIME = 20
#: The columns, in their order.
COLUMNS = (
    "id",
    "task",
    "queue",
    "status",
    "priority",
    "attempts",
    "enqueued_at",
    "run_after",
    "started_at",
    "finished_at",
    "waited_seconds",
    "ran_seconds",
    "memory_mib",
    "args",
    "kwargs",
    "exception",
    "message",
    "meta",
)


def export(
    selection: Selection, results: TaskResultQuerySet | None = None
) -> Iterator[dict[str, Any]]:
    """
    Yield the results of a selection that are there by now, oldest first.

    Only those among `results`, if that is given.

    They are found by the thousand and read a few at a time, so that any number takes
    as little memory as some. Return values and tracebacks stay where they are.
    """
    selection = selection.until_now()
    meant = selection.results() if results is None else selection.of(results)
    rows = TaskResultQuerySet(TaskResult, using=meant.db).defer(
        "return_value", "progress", "storage_notes", "worker_ids"
    )
    last: UUID | None = None
    while ids := _find(meant.order_by("pk"), last, is_search=bool(selection.search)):
        for start in range(0, len(ids), _AT_A_TIME):
            some = rows.filter(pk__in=ids[start : start + _AT_A_TIME])
            yield from map(_plain, some.order_by("pk"))
        last = ids[-1]


def _find(
    results: TaskResultQuerySet, last: UUID | None, *, is_search: bool
) -> list[UUID]:
    rest = results.filter(pk__gt=last) if last else results
    with search_time_limit(results.db) if is_search else nullcontext():
        return list(rest.values_list("pk", flat=True)[:_IDS_AT_A_TIME])


def _plain(row: TaskResult) -> dict[str, Any]:
    args, kwargs = masked(row.task_path, row.args, row.kwargs)
    error = row.errors[-1] if row.errors else {}
    moments = {
        name: moment.isoformat() if (moment := getattr(row, name)) else None
        for name in ("enqueued_at", "run_after", "started_at", "finished_at")
    }
    return {
        "id": str(row.pk),
        "task": row.task_path,
        "queue": row.queue_name,
        "status": row.status,
        "priority": row.priority,
        "attempts": row.attempts,
        **moments,
        "waited_seconds": row.waited.total_seconds() if row.waited else None,
        "ran_seconds": row.ran.total_seconds() if row.ran else None,
        "memory_mib": row.memory_mib,
        "args": args,
        "kwargs": kwargs,
        "exception": error.get("exception_class_path", ""),
        "message": error.get("message", ""),
        "meta": row.meta,
    }
