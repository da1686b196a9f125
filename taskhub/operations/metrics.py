"""What became of tasks in numbers, for charts and tables."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from django.db.models import F, Max, TextField
from django.db.models.functions import Cast, TruncHour
from django.utils import timezone

from taskhub.histogram import Histogram, add_up, merge, percentile
from taskhub.models import QueueDepth, TaskMetrics
from taskhub.models.metrics import HOUR, MINUTE, TEN_MINUTES
from taskhub.models.results import results_database

#: The ranges that can be looked at, and the span of each point: never finer than what
#: is still known; see rollup.py.
RANGES: dict[str, tuple[timedelta, int]] = {
    "15m": (timedelta(minutes=15), MINUTE),
    "1h": (timedelta(hours=1), MINUTE),
    "6h": (timedelta(hours=6), TEN_MINUTES),
    "24h": (timedelta(hours=24), TEN_MINUTES),
    "72h": (timedelta(hours=72), HOUR),
}


class Spread(msgspec.Struct, frozen=True):
    """Durations in seconds; None where there are none."""

    p50: float | None
    p95: float | None
    p99: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How the runs of one task, or in one queue, went."""

    name: str
    finished: int
    failed: int
    cancelled: int
    retried: int
    wait: Spread
    run: Spread
    mean_run: float | None
    longest_run: float

    @property
    def failed_share(self) -> float:
        """Of those that finished, from 0 to 1."""
        return self.failed / self.finished if self.finished else 0.0


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Points in time, and what there was in each span that begins there."""

    #: In seconds since 1970.
    starts: list[int]
    #: How long a span is.
    seconds: int
    successful: list[int]
    failed: list[int]
    cancelled: list[int]
    retried: list[int]


class DepthSeries(msgspec.Struct, frozen=True, kw_only=True):
    """How full a queue was, at each point of a Series; None where nobody looked."""

    name: str
    ready: list[int | None]
    oldest_seconds: list[float | None]


class _Row(NamedTuple):
    """What is read of a row; there may be ten thousand."""

    starts_at: datetime
    task_path: str
    queue_name: str
    successful: int
    failed: int
    cancelled: int
    retried: int
    run_seconds: float
    longest_run: float
    waits: str
    runs: str


class _Sum(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one task in one queue, added up."""

    task_path: str
    queue_name: str
    successful: int
    failed: int
    cancelled: int
    retried: int
    waits: Histogram
    runs: Histogram
    run_seconds: float
    longest_run: float


_decode = msgspec.json.Decoder(list[dict[str, int]]).decode


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """All numbers of one range of time."""

    range: str
    series: Series
    depths: list[DepthSeries]
    #: The busiest first.
    by_task: list[Figures]
    by_queue: list[Figures]


def read_metrics(range_name: str = "1h") -> Metrics:
    """
    Read the numbers of a range, a key of RANGES, until now, with two queries.

    The last few seconds may be missing, and the last span is not over yet. Raise
    KeyError for a range that there is not.
    """
    length, seconds = RANGES[range_name]
    now = timezone.now().timestamp()
    first = int(now - length.total_seconds()) // seconds * seconds
    starts = list(range(first, int(now) + 1, seconds))
    since = datetime.fromtimestamp(first, UTC)
    rows = _read_rows(since)
    sums = _add_up_groups(rows)
    return Metrics(
        range=range_name,
        series=_series(rows, starts, seconds),
        depths=_depths(since, starts, seconds),
        by_task=_figures(sums, lambda each: each.task_path),
        by_queue=_figures(sums, lambda each: each.queue_name),
    )


def _read_rows(since: datetime) -> list[_Row]:
    rows = TaskMetrics.objects.using(results_database()).filter(starts_at__gte=since)
    # As text: what Django does with JSON, value by value, takes longer than all else.
    texts = [Cast("waits", TextField()), Cast("runs", TextField())]
    return [_Row(*row) for row in rows.values_list(*_Row._fields[:-2], *texts)]


def _series(rows: Iterable[_Row], starts: list[int], seconds: int) -> Series:
    names = ("successful", "failed", "cancelled", "retried")
    counts = {name: [0] * len(starts) for name in names}
    for row in rows:
        index = _index_of(row.starts_at, starts, seconds)
        for name in names:
            counts[name][index] += getattr(row, name)
    return Series(starts=starts, seconds=seconds, **counts)


def _index_of(moment: datetime, starts: list[int], seconds: int) -> int:
    index = (int(moment.timestamp()) - starts[0]) // seconds
    # A clock that is ahead of this one's: it belongs to the end.
    return min(index, len(starts) - 1)


def _add_up_groups(rows: Iterable[_Row]) -> list[_Sum]:
    """Add up the rows of each task in each queue: once, for both tables."""
    groups: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        groups[row.task_path, row.queue_name].append(row)
    return [
        _Sum(
            task_path=task_path,
            queue_name=queue_name,
            successful=sum(row.successful for row in group),
            failed=sum(row.failed for row in group),
            cancelled=sum(row.cancelled for row in group),
            retried=sum(row.retried for row in group),
            waits=merge(_decode(f"[{','.join(row.waits for row in group)}]")),
            runs=merge(_decode(f"[{','.join(row.runs for row in group)}]")),
            run_seconds=sum(row.run_seconds for row in group),
            longest_run=max(row.longest_run for row in group),
        )
        for (task_path, queue_name), group in groups.items()
    ]


def _figures(sums: Iterable[_Sum], name_of: Callable[[_Sum], str]) -> list[Figures]:
    groups: dict[str, list[_Sum]] = defaultdict(list)
    for each in sums:
        groups[name_of(each)].append(each)
    figures = [_add_up(name, group) for name, group in groups.items()]
    return sorted(figures, key=lambda each: (-each.finished, each.name))


def _add_up(name: str, sums: list[_Sum]) -> Figures:
    failed = sum(each.failed for each in sums)
    cancelled = sum(each.cancelled for each in sums)
    runs = add_up(each.runs for each in sums)
    run_count = sum(runs.values())
    return Figures(
        name=name,
        finished=sum(each.successful for each in sums) + failed + cancelled,
        failed=failed,
        cancelled=cancelled,
        retried=sum(each.retried for each in sums),
        wait=_spread(add_up(each.waits for each in sums)),
        run=_spread(runs),
        mean_run=(
            sum(each.run_seconds for each in sums) / run_count if run_count else None
        ),
        longest_run=max(each.longest_run for each in sums),
    )


def _spread(histogram: Histogram) -> Spread:
    return Spread(*(percentile(histogram, share) for share in (0.5, 0.95, 0.99)))


def _depths(since: datetime, starts: list[int], seconds: int) -> list[DepthSeries]:
    depths = QueueDepth.objects.using(results_database()).filter(starts_at__gte=since)
    found: dict[str, tuple[list[Any], list[Any]]] = {}
    # There is a row for each minute; of whole hours, the database finds the fullest.
    spans: Any = (
        TruncHour("starts_at", tzinfo=UTC) if seconds == HOUR else F("starts_at")
    )
    rows = (
        depths.order_by("queue_name")
        .values_list("queue_name", spans)
        .annotate(ready=Max("ready"), oldest=Max("oldest_seconds"))
    )
    for queue_name, moment, *values in rows:
        series = found.setdefault(
            queue_name, ([None] * len(starts), [None] * len(starts))
        )
        index = _index_of(moment, starts, seconds)
        for column, value in zip(series, values, strict=True):
            column[index] = max(column[index] or 0, value)
    return [
        DepthSeries(name=name, ready=ready, oldest_seconds=oldest)
        for name, (ready, oldest) in found.items()
    ]
