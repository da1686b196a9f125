"""Failures in groups: the same exception at the same place in the code."""

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

#: What is told of a group; arguments and return values may be large.
_READ = ("task_path", "errors", "enqueued_at", "finished_at")
#: See read_failures().
MOST_NARROWED = 10_000


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one cause."""

    cause: str
    count: int
    #: Of the last one.
    last_id: UUID
    task_path: str
    exception: str
    message: str
    #: Where in the site's own code: file:line in function.
    place: str
    first_seen: datetime
    last_seen: datetime


def read_failures(
    selection: Selection | None = None,
    *,
    results: TaskResultQuerySet | None = None,
    most: int = 50,
) -> list[FailureGroup]:
    """
    Return the failures of a selection by cause, the most frequent first.

    With two queries, whatever there is; the first one reads an index of failures only.
    What is narrowed by more than times and causes, which that index has, is of the
    newest MOST_NARROWED failures, and takes a query more. `results` are those that
    may be told of; all if it is None.

    Raise SearchTimeout if the database takes too long to search.
    """
    selection = selection or Selection()
    results = Selection().results() if results is None else results
    failed = results.failed()
    if is_narrowed(selection, results):
        failed = newest(failed, MOST_NARROWED)
    failed = selection.of(failed).exclude(cause="")
    # As text, whose order is the same: not every database compares UUIDs.
    as_text = Cast("pk", CharField(max_length=36))
    grouped = (
        failed.order_by()
        .values("cause")
        .annotate(count=Count("pk"), first=Min(as_text), last=Max(as_text))
        .order_by("-count", "cause")
    )
    with search_time_limit(failed.db) if selection.search else nullcontext():
        groups = list(grouped[:most])
    ids = [UUID(group[name]) for group in groups for name in ("first", "last")]
    rows = TaskResultQuerySet(TaskResult, using=failed.db)
    found = rows.only(*_READ).in_bulk(ids)
    return [
        _describe(group["cause"], group["count"], first, last)
        for group in groups
        # Unless somebody has deleted them in between.
        if (first := found.get(UUID(group["first"])))
        and (last := found.get(UUID(group["last"])))
    ]


def name_cause(cause: str, results: TaskResultQuerySet | None = None) -> str:
    """
    Return the exception and the place of a cause, as its last failure has them.

    With one query; empty if there is no such failure any more, or not among `results`.
    """
    selection = Selection(cause=cause)
    failures = selection.results() if results is None else selection.of(results)
    last = failures.only("errors").order_by("-id").first()
    error = last.errors[-1] if last is not None and last.errors else {}
    name = str(error.get("exception_class_path", "")).rpartition(".")[2]
    return ", ".join(filter(None, (name, error.get("place", ""))))


def is_narrowed(
    selection: Selection, results: TaskResultQuerySet | None = None
) -> bool:
    """Whether a selection asks for what the index of failures does not have."""
    if results is not None and is_restricted(results):
        return True
    served = {
        "status",
        "cause",
        "cause_in_words",
        "enqueued_from",
        "enqueued_before",
    }
    return bool(selection.to_json().keys() - served)


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
