"""
Rolling up: the numbers that processes write every few seconds become fewer.

What was counted a moment ago is merged into minutes, minutes into spans of ten after an
hour, these into half hours after six and into hours after a day, and after four days
they go. Numbers are added up and the rows that they came from deleted in one
transaction, so that nothing is counted twice or lost, whoever else does the same at the
time. How full queues were is rolled up the same way: of a longer span, the fullest
moment is kept.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from taskhub.conf import Config
from taskhub.deadlocks import again_after_deadlock
from taskhub.foundation.histogram import merge
from taskhub.models import QueueDepth, TaskMetrics
from taskhub.models.base import results_database
from taskhub.models.metrics import FRESH, HALF_HOUR, HOUR, MINUTE, TEN_MINUTES
from taskhub.operations.status import read_depths

#: Makes rows of longer spans, of so many seconds, out of those of shorter ones.
_Join = Callable[[Iterable[Any], int], list[Any]]

#: From which span to which, once it is so old.
_STEPS = (
    (FRESH, MINUTE, timedelta(0)),
    (MINUTE, TEN_MINUTES, timedelta(hours=1)),
    (TEN_MINUTES, HALF_HOUR, timedelta(hours=6)),
    (HALF_HOUR, HOUR, timedelta(hours=24)),
)
_KEPT = timedelta(days=4)
#: So many rows are merged in one transaction.
_BATCH = 2_000


def roll_up() -> int:
    """Merge what is due; return how many rows were. Blocks for as long as it takes."""
    now = timezone.now()
    return _roll_up(TaskMetrics.writing.all(), _add_up, now) + _roll_up(
        QueueDepth.writing.all(), _fullest, now
    )


def _roll_up(rows: QuerySet[Any], join: _Join, now: datetime) -> int:
    rolled = 0
    spans = _due_spans(rows, now)
    for seconds, longer, age in _STEPS:
        if seconds not in spans:
            continue
        while count := _merge_some(rows, join, seconds, longer, now - age):
            rolled += count
            if count < _BATCH:
                break
        # What was merged just now may be old itself.
        spans.add(longer)
    if HOUR in spans:
        rows.filter(starts_at__lt=now - _KEPT).delete()
    return rolled


def _due_spans(rows: QuerySet[Any], now: datetime) -> set[int]:
    """Return of which spans there are rows old enough: mostly of one, or none."""
    due = Q(seconds=HOUR, starts_at__lt=now - _KEPT)
    for seconds, _longer, age in _STEPS:
        due |= Q(seconds=seconds, starts_at__lt=now - age)
    return set(rows.filter(due).order_by().values_list("seconds", flat=True).distinct())


@again_after_deadlock(results_database)
def _merge_some(
    rows: QuerySet[Any], join: _Join, seconds: int, longer: int, before: datetime
) -> int:
    with transaction.atomic(using=results_database()):
        in_order = rows.filter(seconds=seconds, starts_at__lt=before)
        in_order = in_order.order_by("starts_at", "pk")
        due = list(in_order.select_for_update()[:_BATCH])
        if not due:
            return 0
        spans = {_start_of(row.starts_at, longer) for row in due}
        earlier = rows.filter(seconds=longer, starts_at__in=spans)
        merged = [*due, *earlier.order_by("pk").select_for_update()]
        rows.filter(pk__in=[row.pk for row in merged]).delete()
        rows.bulk_create(join(merged, longer))
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


def _fullest(rows: Iterable[QueueDepth], seconds: int) -> list[QueueDepth]:
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
    Note how full a backend's queues are: at their fullest, for each minute.

    Raise BrokerError if that cannot be asked.
    """
    minute = _start_of(timezone.now(), MINUTE)
    noted = QueueDepth.writing.filter(
        starts_at=minute, seconds=MINUTE, backend=config.alias
    )
    before = {row.queue_name: row for row in noted}
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
        fullest = before.get(status.name)
        if fullest is None:
            new.append(row)
        elif fullest.grow(row):
            fullest.save(using=results_database())
    # Another node may note the same minute.
    QueueDepth.writing.bulk_create(new, ignore_conflicts=True)
