"""What became of tasks in numbers, for charts and tables."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.utils import timezone

from taskhub.histogram import Histogram, merge, percentile
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
    metrics = TaskMetrics.objects.using(results_database())
    rows = list(metrics.filter(starts_at__gte=since))
    return Metrics(
        range=range_name,
        series=_series(rows, starts, seconds),
        depths=_depths(since, starts, seconds),
        by_task=_figures(rows, lambda row: row.task_path),
        by_queue=_figures(rows, lambda row: row.queue_name),
    )


def _series(rows: Iterable[TaskMetrics], starts: list[int], seconds: int) -> Series:
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


def _figures(
    rows: Iterable[TaskMetrics], name_of: Callable[[TaskMetrics], str]
) -> list[Figures]:
    groups: dict[str, list[TaskMetrics]] = defaultdict(list)
    for row in rows:
        groups[name_of(row)].append(row)
    figures = [_add_up(name, group) for name, group in groups.items()]
    return sorted(figures, key=lambda each: (-each.finished, each.name))


def _add_up(name: str, rows: list[TaskMetrics]) -> Figures:
    failed = sum(row.failed for row in rows)
    cancelled = sum(row.cancelled for row in rows)
    runs = merge(row.runs for row in rows)
    run_count = sum(runs.values())
    return Figures(
        name=name,
        finished=sum(row.successful for row in rows) + failed + cancelled,
        failed=failed,
        cancelled=cancelled,
        retried=sum(row.retried for row in rows),
        wait=_spread(merge(row.waits for row in rows)),
        run=_spread(runs),
        mean_run=(
            sum(row.run_seconds for row in rows) / run_count if run_count else None
        ),
        longest_run=max(row.longest_run for row in rows),
    )


def _spread(histogram: Histogram) -> Spread:
    return Spread(*(percentile(histogram, share) for share in (0.5, 0.95, 0.99)))


def _depths(since: datetime, starts: list[int], seconds: int) -> list[DepthSeries]:
    depths = QueueDepth.objects.using(results_database())
    found: dict[str, dict[str, list[Any]]] = {}
    for row in depths.filter(starts_at__gte=since).order_by("queue_name"):
        series = found.setdefault(
            row.queue_name,
            {name: [None] * len(starts) for name in ("ready", "oldest_seconds")},
        )
        index = _index_of(row.starts_at, starts, seconds)
        for name, values in series.items():
            values[index] = max(values[index] or 0, getattr(row, name))
    return [DepthSeries(name=name, **series) for name, series in found.items()]
