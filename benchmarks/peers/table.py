"""Medians of the rounds, and a table of them."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.peers.rounds import Measured

_HEAD = (
    "| 2 worker processes, a task that does nothing | outcomes stored in "
    "| finished / s | relative to taskhub | enqueued / s | start p50 / p99 ms |\n"
    "|---|---|---|---|---|---|"
)


def summarise(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Return a record for each row; ratios are relative to taskhub's first row."""
    records = [_summarise(each) for each in measured]
    ours = [each["finished_per_second"] for each in records if _is_base(each)]
    for record in records:
        if ours and "finished_per_second" in record:
            record["ratio"] = record["finished_per_second"] / ours[0]
    return records


def _is_base(record: dict[str, Any]) -> bool:
    return record["peer"] == "taskhub" and "finished_per_second" in record


def _summarise(measured: Measured) -> dict[str, Any]:
    row, rounds = measured.row, measured.rounds
    record: dict[str, Any] = {
        "name": row.name,
        "peer": row.peer,
        "title": row.title,
        "results": row.results,
    }
    if measured.failure:
        record["failure"] = measured.failure
    if rounds:
        starts = [seconds * 1000 for each in rounds for seconds in each["starts"]]
        record |= {
            "finished_per_second": _median(rounds, "finished"),
            "enqueued_per_second": _median(rounds, "enqueued"),
            "start_p50_ms": percentile(starts, 50),
            "start_p99_ms": percentile(starts, 99),
            "rounds": [_without_starts(each) for each in rounds],
        }
    return record


def _median(rounds: Sequence[dict[str, Any]], name: str) -> float:
    return statistics.median(each[name] for each in rounds)


def _without_starts(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name != "starts"}


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return a percentile, or None for fewer than two values."""
    if len(values) < 2:
        return None
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def in_markdown(records: Sequence[dict[str, Any]]) -> str:
    """Return the table, and under it a line for each row that has no figures."""
    rows = [_row(record) for record in records if "finished_per_second" in record]
    failures = [
        f"{record['name']}: {record['failure']}"
        for record in records
        if "failure" in record
    ]
    return "\n".join([_HEAD, *rows, *([""] if failures else []), *failures])


def _row(record: dict[str, Any]) -> str:
    ratio = f"{record['ratio']:.2f}" if "ratio" in record else ""
    start = " / ".join(_in_ms(record[f"start_p{percent}_ms"]) for percent in (50, 99))
    cells = [
        record["title"],
        record["results"],
        f"{record['finished_per_second']:,.0f}",
        ratio,
        f"{record['enqueued_per_second']:,.0f}",
        start,
    ]
    return f"| {' | '.join(cells)} |"


def _in_ms(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
