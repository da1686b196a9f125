"""
Roll up metrics: merge rows of short spans into rows of longer spans as they age.

Processes write counts every few seconds. These are merged into minutes at once, and
into longer spans by _STEPS. One transaction writes the merged rows and deletes the old
ones, so that several nodes can roll up at the same time. The depths of queues are
merged in the same way, by their maximum.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from taskhub.conf import Config
from taskhub.db import again_after_deadlock
from taskhub.foundation.histogram import merge
from taskhub.models import QueueDepth, TaskMetrics
from taskhub.models.base import results_database
from taskhub.models.metrics import FRESH, HALF_HOUR, HOUR, MINUTE, TEN_MINUTES
from taskhub.operations.status import read_depths

#: A function that merges rows into rows of a longer span, whose length is in seconds.
_Merge = Callable[[Iterable[Any], int], list[Any]]

#: The seconds of spans to merge and of new spans, and the minimum age of the rows.
_STEPS = (
    (FRESH, MINUTE, timedelta(0)),
    (MINUTE, TEN_MINUTES, timedelta(hours=1)),
    (TEN_MINUTES, HALF_HOUR, timedelta(hours=6)),
    (HALF_HOUR, HOUR, timedelta(hours=24)),
)
_RETENTION = timedelta(days=4)
MAX_ROWS_PER_TRANSACTION = 2_000


def roll_up() -> int:
    """Merge due rows and delete expired rows. Block; return how many were merged."""
    now = timezone.now()
    return _roll_up(TaskMetrics.writing.all(), _add_up, now) + _roll_up(
        QueueDepth.writing.all(), _take_maximum, now
    )


def _roll_up(rows: QuerySet[Any], merge_rows: _Merge, now: datetime) -> int:
    rolled = 0
    spans = _due_spans(rows, now)
    for seconds, longer, age in _STEPS:
        if seconds not in spans:
            continue
        while count := _merge_some(rows, merge_rows, seconds, longer, now - age):
            rolled += count
            if count < MAX_ROWS_PER_TRANSACTION:
                break
        # The merged rows may be old enough for the next step.
        spans.add(longer)
    if HOUR in spans:
        rows.filter(starts_at__lt=now - _RETENTION).delete()
    return rolled


def _due_spans(rows: QuerySet[Any], now: datetime) -> set[int]:
    """Return the lengths of the spans that have rows to merge or to delete."""
    due = Q(seconds=HOUR, starts_at__lt=now - _RETENTION)
    for seconds, _longer, age in _STEPS:
        due |= Q(seconds=seconds, starts_at__lt=now - age)
    return set(rows.filter(due).order_by().values_list("seconds", flat=True).distinct())


@again_after_deadlock(results_database)
def _merge_some(
    rows: QuerySet[Any], merge_rows: _Merge, seconds: int, longer: int, before: datetime
) -> int:
    with transaction.atomic(using=results_database()):
        in_order = rows.filter(seconds=seconds, starts_at__lt=before)
        in_order = in_order.order_by("starts_at", "pk")
        due = list(in_order.select_for_update()[:MAX_ROWS_PER_TRANSACTION])
        if not due:
            return 0
        spans = {_start_of(row.starts_at, longer) for row in due}
        earlier = rows.filter(seconds=longer, starts_at__in=spans)
        merged = [*due, *earlier.order_by("pk").select_for_update()]
        rows.filter(pk__in=[row.pk for row in merged]).delete()
        rows.bulk_create(merge_rows(merged, longer))
    return len(due)


def _start_of(moment: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def _add_up(rows: Iterable[TaskMetrics], seconds: int) -> list[TaskMetrics]:
    groups: dict[tuple[datetime, str, str], list[TaskMetrics]] = defaultdict(list)
    for row in rows:
        start = _start_of(row.starts_at, seconds)
        groups[start, row.task_path, row.queue_name].append(row)
    return [
        TaskMetrics(
            starts_at=start,
            seconds=seconds,
            task_path=task_path,
            queue_name=queue_name,
            successful=sum(row.successful for row in group),
            failed=sum(row.failed for row in group),
            cancelled=sum(row.cancelled for row in group),
            retried=sum(row.retried for row in group),
            waits=merge(row.waits for row in group),
            runs=merge(row.runs for row in group),
            run_seconds=sum(row.run_seconds for row in group),
            longest_run=max(row.longest_run for row in group),
        )
        for (start, task_path, queue_name), group in groups.items()
    ]


def _take_maximum(rows: Iterable[QueueDepth], seconds: int) -> list[QueueDepth]:
    found: dict[tuple[datetime, str, str], QueueDepth] = {}
    for row in rows:
        key = _start_of(row.starts_at, seconds), row.backend, row.queue_name
        if key in found:
            found[key].grow(row)
        else:
            row.pk, row.starts_at, row.seconds = None, key[0], seconds
            found[key] = row
    return list(found.values())


def sample_depths(config: Config) -> None:
    """
    Read the depths of a backend's queues, and store the maximum of the current minute.

    Raise BrokerError if the broker cannot be reached.
    """
    minute = _start_of(timezone.now(), MINUTE)
    rows = QueueDepth.writing.filter(
        starts_at=minute, seconds=MINUTE, backend=config.alias
    )
    by_queue = {row.queue_name: row for row in rows}
    new = []
    for status in read_depths(config, nodes=[]):
        row = QueueDepth(
            starts_at=minute,
            backend=config.alias,
            queue_name=status.name,
            delayed=status.delayed,
            ready=status.ready,
            held=status.held,
            oldest_seconds=status.oldest_seconds or 0,
        )
        maximum = by_queue.get(status.name)
        if maximum is None:
            new.append(row)
        elif maximum.grow(row):
            maximum.save(using=results_database())
    # Another node may have written rows for the same minute.
    QueueDepth.writing.bulk_create(new, ignore_conflicts=True)
