"""Tables of figures by task or queue, in which outliers are marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.http import urlencode

from taskhub.admin import display
from taskhub.operations.metrics.figures import Figures, Spread

#: A table shows at most this many rows, the busiest ones.
MAX_ROWS = 50
#: For each range, the shortest choice of EnqueuedFilter that includes it.
_ENQUEUED_FILTERS = {"15m": "15m", "1h": "1h", "6h": "24h", "24h": "24h", "72h": "7d"}


@dataclass(frozen=True)
class FiguresRow:
    """One task or queue."""

    name: str
    #: For a task: its name and its module.
    short_name: str
    module: str
    #: The addresses of its results in the range, and of the failed ones.
    url: str
    failed_url: str
    finished: str
    #: Empty if no result failed.
    failed: str
    failed_percent: str
    retried: str
    #: Percentiles of the wait and of the duration: p50, p95, p99.
    wait: tuple[str, ...]
    run: tuple[str, ...]
    longest: str
    is_slowest: bool
    is_most_failing: bool


def rows(
    figures: Sequence[Figures], parameter: str, range_name: str, results: str
) -> list[FiguresRow]:
    """
    Return the rows of a table, the busiest first.

    `parameter` is the filter of the list of results, "task" or "queue". `results` is
    the address of that list.
    """
    slowest = _highest((each.run.p95 or 0, each.name) for each in figures)
    most_failing = _highest((each.failed_share, each.name) for each in figures)
    since = {"since": _ENQUEUED_FILTERS[range_name]}
    return [
        _row(each, parameter, results, since, slowest, most_failing)
        for each in figures[:MAX_ROWS]
    ]


def _highest(candidates: Iterable[tuple[float, str]]) -> str:
    """Return the name with the highest figure, or "" if no figure is above 0."""
    ranked = sorted(candidates, reverse=True)
    # A single row cannot be compared with others.
    return ranked[0][1] if len(ranked) > 1 and ranked[0][0] > 0 else ""


def _row(
    figures: Figures,
    parameter: str,
    results: str,
    since: dict[str, str],
    slowest: str,
    most_failing: str,
) -> FiguresRow:
    module, _dot, short_name = figures.name.rpartition(".")
    is_task = parameter == "task"
    narrowed = {parameter: figures.name, **since}
    return FiguresRow(
        name=figures.name,
        short_name=short_name if is_task else figures.name,
        module=module if is_task else "",
        url=f"{results}?{urlencode(narrowed)}",
        failed_url=f"{results}?{urlencode({'status': 'FAILED', **narrowed})}",
        finished=display.number(figures.finished),
        failed=display.number(figures.failed) if figures.failed else "",
        failed_percent=percent(figures.failed_share),
        retried=display.number(figures.retried),
        wait=_percentiles(figures.wait),
        run=_percentiles(figures.run),
        longest=display.seconds(figures.longest_run or None),
        is_slowest=figures.name == slowest,
        is_most_failing=figures.name == most_failing,
    )


def percent(share: float) -> str:
    """Return a share in percent; a small one is not rounded to 0."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{share * 100:.1f} %"


def _percentiles(spread: Spread) -> tuple[str, ...]:
    return tuple(map(display.seconds, (spread.p50, spread.p95, spread.p99)))
