"""How runs went, by task or by queue: a table in which what stands out is marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.http import urlencode

from taskhub.admin import display as markup
from taskhub.operations.metrics.figures import Figures, Spread

#: Rows of a table; the busiest are shown.
MOST_ROWS = 50
#: The span of the results' list that has a range in it; see admin/results/filters.py.
_SINCE = {"15m": "15m", "1h": "1h", "6h": "24h", "24h": "24h", "72h": "7d"}


@dataclass(frozen=True)
class FiguresRow:
    """One task or queue; durations are in words."""

    name: str
    #: For a task: what people read, and what is in front of it.
    short_name: str
    module: str
    #: Of its results in the range, and of those that failed.
    url: str
    failed_url: str
    finished: str
    #: Empty if none has.
    failed: str
    failed_percent: str
    retried: str
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

    `parameter` is what the results' list is narrowed by: "task" or "queue"; `results`
    is its address.
    """
    slowest = _first_by((each.run.p95 or 0, each.name) for each in figures)
    most_failing = _first_by((each.failed_share, each.name) for each in figures)
    since = {"since": _SINCE[range_name]}
    return [
        _row(each, parameter, results, since, slowest, most_failing)
        for each in figures[:MOST_ROWS]
    ]


def _first_by(candidates: Iterable[tuple[float, str]]) -> str:
    """Return the name with the highest figure; none if no figure is above 0."""
    ranked = sorted(candidates, reverse=True)
    # Of one row nothing stands out.
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
        finished=counted(figures.finished),
        failed=counted(figures.failed) if figures.failed else "",
        failed_percent=percent(figures.failed_share),
        retried=counted(figures.retried),
        wait=_in_words(figures.wait),
        run=_in_words(figures.run),
        longest=markup.seconds(figures.longest_run or None),
        is_slowest=figures.name == slowest,
        is_most_failing=figures.name == most_failing,
    )


def counted(count: int) -> str:
    """Return a number as people write it."""
    if count < 1_000:
        # Nothing to group, and hundreds of these on a page.
        return str(count)
    return number_format(count, force_grouping=True)


def percent(share: float) -> str:
    """Return a share in percent; never 0 % of what there is."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{share * 100:.1f} %"


def _in_words(spread: Spread) -> tuple[str, ...]:
    return tuple(map(markup.seconds, (spread.p50, spread.p95, spread.p99)))
