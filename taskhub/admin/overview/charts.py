"""The charts, and the same values as tables for screen readers."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from taskhub.admin import display
from taskhub.operations.metrics.figures import DepthSeries, Metrics

Value = int | float | None


class Line(msgspec.Struct, frozen=True):
    """One line of a chart, or one layer of its stacked bars."""

    label: str
    #: The name of its colour: "failed" or another status, or "queue-<number>".
    kind: str
    values: list[Any]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Values over time."""

    name: str
    title: str
    #: A sentence about the highest or the total value.
    summary: str
    #: The unit of the values: "count" or "seconds".
    unit: str
    #: Stacked bars, or lines.
    is_stacked: bool
    #: The starts of the spans in seconds since 1970, and the length of a span.
    starts: list[int]
    seconds: int
    lines: list[Line]

    @property
    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the rows of the table, the newest first: a start, and the values."""
        show = display.seconds if self.unit == "seconds" else _count
        columns = [line.values for line in self.lines]
        for index in range(len(self.starts) - 1, -1, -1):
            local = localtime(datetime.fromtimestamp(self.starts[index], UTC))
            when = date_format(local, "j M, H:i")
            yield when, [show(values[index]) for values in columns]


def charts(metrics: Metrics) -> list[Chart]:
    """Return the charts of a range: throughput, depth, age."""
    depths = metrics.depths
    return [_throughput(metrics), _depth(metrics, depths), _age(metrics, depths)]


def _throughput(metrics: Metrics) -> Chart:
    series = metrics.series
    finished = sum(map(sum, (series.successful, series.failed, series.cancelled)))
    return Chart(
        name="throughput",
        title=_("Finished"),
        summary=ngettext(
            "%(finished)s run finished, %(failed)s of them failed.",
            "%(finished)s runs finished, %(failed)s of them failed.",
            finished,
        )
        % {"finished": _count(finished), "failed": _count(sum(series.failed))},
        unit="count",
        is_stacked=True,
        starts=series.starts,
        seconds=series.seconds,
        # Failures are at the bottom, where their heights can be compared.
        lines=[
            Line(_("Failed"), "failed", series.failed),
            Line(_("Cancelled"), "cancelled", series.cancelled),
            Line(_("Successful"), "successful", series.successful),
        ],
    )


def _depth(metrics: Metrics, depths: Sequence[DepthSeries]) -> Chart:
    most = max((_max(each.ready) for each in depths), default=0)
    return Chart(
        name="depth",
        title=_("Waiting in queues"),
        summary=_("At most %s messages waited in a queue.") % _count(most),
        unit="count",
        is_stacked=False,
        starts=metrics.series.starts,
        seconds=metrics.series.seconds,
        lines=_lines(depths, "ready"),
    )


def _age(metrics: Metrics, depths: Sequence[DepthSeries]) -> Chart:
    most = max((_max(each.oldest_seconds) for each in depths), default=0)
    return Chart(
        name="age",
        title=_("Age of the oldest message"),
        summary=_("The oldest message had waited for %s.") % display.seconds(most),
        unit="seconds",
        is_stacked=False,
        starts=metrics.series.starts,
        seconds=metrics.series.seconds,
        lines=_lines(depths, "oldest_seconds"),
    )


def _lines(depths: Sequence[DepthSeries], attribute: str) -> list[Line]:
    return [
        Line(each.name, f"queue-{number}", getattr(each, attribute))
        for number, each in enumerate(depths)
    ]


def _max(values: Sequence[Value]) -> float:
    return max((value for value in values if value is not None), default=0)


def _count(value: Value) -> str:
    return display.NOTHING if value is None else display.number(int(value))
