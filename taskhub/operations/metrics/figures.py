"""Read metrics of tasks and queues, for charts and tables."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Max, QuerySet, Sum, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from taskhub.foundation.histogram import Histogram, add_up, percentile
from taskhub.models import QueueDepth, TaskMetrics
from taskhub.models.metrics import HALF_HOUR, HOUR, MINUTE, TEN_MINUTES

#: The time ranges, and for each the length of a chart's points in seconds. A point is
#: not shorter than the spans that rollup.py keeps for that range.
RANGES: dict[str, tuple[timedelta, int]] = {
    "15m": (timedelta(minutes=15), MINUTE),
    "1h": (timedelta(hours=1), MINUTE),
    "6h": (timedelta(hours=6), TEN_MINUTES),
    "24h": (timedelta(hours=24), HALF_HOUR),
    "72h": (timedelta(hours=72), HOUR),
}

#: A chart shows only the fullest queues: more lines cannot be told apart.
MAX_QUEUES = 8
_COUNTS = ("successful", "failed", "cancelled", "retried")


class Spread(msgspec.Struct, frozen=True):
    """Percentiles of durations, in seconds; None if there are no durations."""

    p50: float | None
    p95: float | None
    p99: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one task or of one queue."""

    name: str
    finished: int
    failed: int
    cancelled: int
    retried: int
    wait: Spread
    run: Spread
    #: In seconds.
    longest_run: float

    @property
    def failed_share(self) -> float:
        """The share of failed results among the finished ones, from 0 to 1."""
        return self.failed / self.finished if self.finished else 0.0


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Counts in spans of time."""

    #: The start of each span, in seconds since 1970.
    starts: list[int]
    #: The length of each span, in seconds.
    seconds: int
    successful: list[int]
    failed: list[int]
    cancelled: list[int]
    retried: list[int]


class DepthSeries(msgspec.Struct, frozen=True, kw_only=True):
    """The depth of a queue in each span of a Series; None where it is unknown."""

    name: str
    ready: list[int | None]
    oldest_seconds: list[float | None]


class _Sum(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one task in one queue."""

    task_path: str
    queue_name: str
    successful: int
    failed: int
    cancelled: int
    retried: int
    waits: Histogram
    runs: Histogram
    longest_run: float


_decode = msgspec.json.Decoder(list[Histogram]).decode


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """All metrics of one time range."""

    range: str
    series: Series
    #: The fullest queues, sorted by name.
    depths: list[DepthSeries]
    #: Sorted by the number of finished results, highest first, as is `by_queue`.
    by_task: list[Figures]
    by_queue: list[Figures]


def read_metrics(
    range_name: str = "1h", rows: QuerySet[TaskMetrics] | None = None
) -> Metrics:
    """
    Read the metrics of a range, which is a key of RANGES. Five queries.

    `rows` limits the metrics of tasks to these TaskMetrics. The last span is
    incomplete, and the last seconds may be missing. Raise KeyError for an unknown
    range.
    """
    starts, seconds = _spans(range_name)
    since = datetime.fromtimestamp(starts[0], UTC)
    counted = _rows(rows).filter(starts_at__gte=since)
    sums = _read_sums(counted)
    return Metrics(
        range=range_name,
        series=_series(counted, starts, seconds),
        depths=_depths(since, starts, seconds),
        by_task=_figures(sums, lambda each: each.task_path),
        by_queue=_figures(sums, lambda each: each.queue_name),
    )


def read_by_queue(range_name: str = "1h") -> list[Figures]:
    """Read the figures of queues, as in read_metrics(). Two queries."""
    starts, _seconds = _spans(range_name)
    since = datetime.fromtimestamp(starts[0], UTC)
    sums = _read_sums(_rows(None).filter(starts_at__gte=since))
    return _figures(sums, lambda each: each.queue_name)


def _spans(range_name: str) -> tuple[list[int], int]:
    """Return the starts of the spans of a range, and their length in seconds."""
    length, seconds = RANGES[range_name]
    now = timezone.now().timestamp()
    first = int(now - length.total_seconds()) // seconds * seconds
    return list(range(first, int(now) + 1, seconds)), seconds


def _rows(rows: QuerySet[TaskMetrics] | None) -> QuerySet[TaskMetrics]:
    return TaskMetrics.writing.all() if rows is None else rows


def _series(rows: QuerySet[TaskMetrics], starts: list[int], seconds: int) -> Series:
    counts = {name: [0] * len(starts) for name in _COUNTS}
    spans = rows.values_list("starts_at").annotate(*map(Sum, _COUNTS))
    for moment, *values in spans.order_by():
        index = _index_of(moment, starts, seconds)
        for name, value in zip(_COUNTS, values, strict=True):
            counts[name][index] += value
    return Series(starts=starts, seconds=seconds, **counts)


def _index_of(moment: datetime, starts: list[int], seconds: int) -> int:
    index = (int(moment.timestamp()) - starts[0]) // seconds
    # The clock of another host may be ahead of this one's.
    return min(index, len(starts) - 1)


def _read_sums(rows: QuerySet[TaskMetrics]) -> list[_Sum]:
    """Read the sums of each task in each queue."""
    histograms = _read_histograms(rows)
    sums: Any = (
        rows.values("task_path", "queue_name")
        .annotate(
            **{name: Sum(name) for name in _COUNTS},
            longest_run=Max("longest_run"),
        )
        .order_by()
    )
    read = []
    for each in sums:
        waits, runs = histograms.get((each["task_path"], each["queue_name"]), ([], []))
        read.append(_Sum(**each, waits=_merge(waits), runs=_merge(runs)))
    return read


def _read_histograms(
    rows: QuerySet[TaskMetrics],
) -> dict[tuple[str, str], tuple[list[str], list[str]]]:
    """Read the histograms of each task in each queue."""
    # Django decodes JSON value by value, which is slow for ten thousand rows.
    texts = [Cast("waits", TextField()), Cast("runs", TextField())]
    found: Any = defaultdict(lambda: ([], []))
    for *key, waits, runs in rows.values_list("task_path", "queue_name", *texts):
        columns = found[tuple(key)]
        columns[0].append(waits)
        columns[1].append(runs)
    return dict(found)


def _merge(texts: list[str]) -> Histogram:
    return add_up(_decode(f"[{','.join(texts)}]"))


def _figures(sums: Iterable[_Sum], name_of: Callable[[_Sum], str]) -> list[Figures]:
    groups: dict[str, list[_Sum]] = defaultdict(list)
    for each in sums:
        groups[name_of(each)].append(each)
    figures = [_add_up(name, group) for name, group in groups.items()]
    return sorted(figures, key=lambda each: (-each.finished, each.name))


def _add_up(name: str, sums: list[_Sum]) -> Figures:
    failed = sum(each.failed for each in sums)
    cancelled = sum(each.cancelled for each in sums)
    return Figures(
        name=name,
        finished=sum(each.successful for each in sums) + failed + cancelled,
        failed=failed,
        cancelled=cancelled,
        retried=sum(each.retried for each in sums),
        wait=_spread(add_up(each.waits for each in sums)),
        run=_spread(add_up(each.runs for each in sums)),
        longest_run=max(each.longest_run for each in sums),
    )


def _spread(histogram: Histogram) -> Spread:
    return Spread(*(percentile(histogram, share) for share in (0.5, 0.95, 0.99)))


def _depths(since: datetime, starts: list[int], seconds: int) -> list[DepthSeries]:
    depths = QueueDepth.writing.filter(starts_at__gte=since)
    by_queue = depths.values_list("queue_name").annotate(most=Max("ready"))
    fullest = by_queue.order_by("-most", "queue_name")[:MAX_QUEUES]
    names = sorted(name for name, _most in fullest)
    found: dict[str, tuple[list[Any], list[Any]]] = {
        name: ([None] * len(starts), [None] * len(starts)) for name in names
    }
    rows = depths.filter(queue_name__in=names).order_by()
    for queue_name, moment, *values in rows.values_list(
        "queue_name", "starts_at", "ready", "oldest_seconds"
    ):
        index = _index_of(moment, starts, seconds)
        for column, value in zip(found[queue_name], values, strict=True):
            column[index] = max(column[index] or 0, value)
    return [
        DepthSeries(name=name, ready=ready, oldest_seconds=oldest)
        for name, (ready, oldest) in found.items()
    ]
