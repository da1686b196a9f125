"""Failures grouped by cause: the same exception at the same place in the code."""

from contextlib import nullcontext
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import CharField, Count, Max, Min
from django.db.models.functions import Cast

from taskhub.models import TaskResult, TaskResultQuerySet
from taskhub.operations.results.search import newest
from taskhub.operations.results.selection import Selection, is_restricted
from taskhub.operations.results.time_limit import search_time_limit

#: The columns to read: without arguments and return values, which may be large.
_COLUMNS = ("task_path", "errors", "enqueued_at", "finished_at")
#: How many failures are searched without an index; see read_failures().
MAX_UNINDEXED_FAILURES = 10_000


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one cause."""

    cause: str
    count: int
    #: The last failure; the fields below are its fields.
    last_id: UUID
    task_path: str
    exception: str
    message: str
    #: The place in the site's code: file:line in function.
    place: str
    first_seen: datetime
    last_seen: datetime


def read_failures(
    selection: Selection | None = None,
    *,
    results: TaskResultQuerySet | None = None,
    limit: int = 50,
) -> list[FailureGroup]:
    """
    Return the failures of a selection grouped by cause, the most frequent cause first.

    `results` limits them to these results; `limit` is the number of causes. Make two
    queries: the first reads only an index of failures. If the selection is_unindexed(),
    group only the newest MAX_UNINDEXED_FAILURES failures, with one more query.

    Raise SearchTimeout if the database takes too long to search.
    """
    selection = selection or Selection()
    results = Selection().results() if results is None else results
    failed = results.failed()
    if is_unindexed(selection, results):
        failed = newest(failed, MAX_UNINDEXED_FAILURES)
    failed = selection.of(failed).exclude(cause="")
    # Not every database can compare UUIDs. Their texts have the same order.
    as_text = Cast("pk", CharField(max_length=36))
    grouped = (
        failed.order_by()
        .values("cause")
        .annotate(count=Count("pk"), first=Min(as_text), last=Max(as_text))
        .order_by("-count", "cause")
    )
    with search_time_limit(failed.db) if selection.search else nullcontext():
        groups = list(grouped[:limit])
    ids = [UUID(group[name]) for group in groups for name in ("first", "last")]
    rows = TaskResultQuerySet(TaskResult, using=failed.db)
    found = rows.only(*_COLUMNS).in_bulk(ids)
    return [
        _describe(group["cause"], group["count"], first, last)
        for group in groups
        # A row may have been deleted between the two queries.
        if (first := found.get(UUID(group["first"])))
        and (last := found.get(UUID(group["last"])))
    ]


def name_cause(cause: str, results: TaskResultQuerySet | None = None) -> str:
    """
    Return the exception and the place of the last failure with a cause.

    Return "" if no such failure is among `results`, by default all. One query.
    """
    selection = Selection(cause=cause)
    failures = selection.results() if results is None else selection.of(results)
    last = failures.only("errors").order_by("-id").first()
    error = last.errors[-1] if last is not None and last.errors else {}
    name = str(error.get("exception_class_path", "")).rpartition(".")[2]
    return ", ".join(filter(None, (name, error.get("place", ""))))


def is_unindexed(
    selection: Selection, results: TaskResultQuerySet | None = None
) -> bool:
    """
    Return whether a query needs columns that the index of failures lacks.

    The index has status, cause and time; filters of `results` may need other columns.
    """
    if results is not None and is_restricted(results):
        return True
    indexed = {"status", "cause", "cause_in_words", "enqueued_from", "enqueued_before"}
    return bool(selection.to_json().keys() - indexed)


def _describe(
    cause: str, count: int, first: TaskResult, last: TaskResult
) -> FailureGroup:
    error = last.errors[-1] if last.errors else {}
    return FailureGroup(
        cause=cause,
        count=count,
        last_id=last.pk,
        task_path=last.task_path,
        exception=error.get("exception_class_path", ""),
        message=error.get("message", ""),
        place=error.get("place", ""),
        first_seen=first.finished_at or first.enqueued_at,
        last_seen=last.finished_at or last.enqueued_at,
    )
