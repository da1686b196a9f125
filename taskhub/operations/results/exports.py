"""Export results as plain values, with masked arguments as dots."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any
from uuid import UUID

from taskhub.models import TaskResult, TaskResultQuerySet
from taskhub.operations.results.selection import Selection
from taskhub.operations.results.time_limit import search_time_limit
from taskhub.tasks.masking import masked

#: Each query for ids repeats the search, which takes as long for a few ids as for many.
MAX_BATCH_IDS = 1_000
#: The arguments of each row may have a MiB.
MAX_ROWS_IN_MEMORY = 20
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
    Yield the results of a selection as dicts of COLUMNS, oldest first.

    `results` limits the export to these results. Results that are enqueued later are
    left out. Memory use is constant. Return values and tracebacks are not exported.

    Raise SearchTimeout if the database takes too long to search.
    """
    selection = selection.until_now()
    selected = selection.results() if results is None else selection.of(results)
    rows = TaskResultQuerySet(TaskResult, using=selected.db).defer(
        "return_value", "progress", "storage_notes", "worker_ids"
    )
    last: UUID | None = None
    while ids := _next_ids(selected, last, is_search=bool(selection.search)):
        for start in range(0, len(ids), MAX_ROWS_IN_MEMORY):
            batch = rows.filter(pk__in=ids[start : start + MAX_ROWS_IN_MEMORY])
            yield from map(_as_dict, batch.order_by("pk"))
        last = ids[-1]


def _next_ids(
    results: TaskResultQuerySet, last: UUID | None, *, is_search: bool
) -> list[UUID]:
    rest = results.filter(pk__gt=last) if last else results
    with search_time_limit(results.db) if is_search else nullcontext():
        return list(rest.order_by("pk").values_list("pk", flat=True)[:MAX_BATCH_IDS])


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _as_dict(row: TaskResult) -> dict[str, Any]:
    args, kwargs = masked(row.task_path, row.args, row.kwargs)
    error = row.errors[-1] if row.errors else {}
    times = {
        name: time.isoformat() if (time := getattr(row, name)) else None
        for name in ("enqueued_at", "run_after", "started_at", "finished_at")
    }
    return {
        "id": str(row.pk),
        "task": row.task_path,
        "queue": row.queue_name,
        "status": row.status,
        "priority": row.priority,
        "attempts": row.attempts,
        **times,
        "waited_seconds": _seconds(row.waited),
        "ran_seconds": _seconds(row.ran),
        "memory_mib": row.memory_mib,
        "args": args,
        "kwargs": kwargs,
        "exception": error.get("exception_class_path", ""),
        "message": error.get("message", ""),
        "meta": row.meta,
    }
