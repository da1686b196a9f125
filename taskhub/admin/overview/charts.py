"""The charts: what they draw, and the same as a table for those who do not see it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from taskhub.admin import display as markup
from taskhub.admin.overview.tables import counted
from taskhub.operations.metrics.figures import DepthSeries, Metrics

Value = int | float | None


class Line(msgspec.Struct, frozen=True):
    """One line of a chart, or one layer of its bars."""

    label: str
    #: What it is drawn like: a status, or the number of a queue; see charts.js.
    kind: str
    values: list[Any]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn over time."""

    name: str
    title: str
    #: What it shows in one sentence.
    summary: str
    #: "count" or "seconds".
    unit: str
    #: Bars on top of each other, or lines.
    is_stacked: bool
    #: In seconds since 1970, and how long each span is.
    starts: list[int]
    seconds: int
    lines: list[Line]

    @property
    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Return the spans for the table, the newest first."""
        show = _in_seconds if self.unit == "seconds" else _counted
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
        % {"finished": _counted(finished), "failed": _counted(sum(series.failed))},
        unit="count",
        is_stacked=True,
        starts=series.starts,
        seconds=series.seconds,
        # Failures stand on the ground, where heights can be compared.
        lines=[
            Line(_("Failed"), "failed", series.failed),
            Line(_("Cancelled"), "cancelled", series.cancelled),
            Line(_("Successful"), "successful", series.successful),
        ],
    )


def _depth(metrics: Metrics, depths: Sequence[DepthSeries]) -> Chart:
    most = max((_most(each.ready) for each in depths), default=0)
    return Chart(
        name="depth",
        title=_("Waiting in queues"),
        summary=_("At most %s messages waited in a queue.") % _counted(most),
        unit="count",
        is_stacked=False,
        starts=metrics.series.starts,
        seconds=metrics.series.seconds,
        lines=_lines(depths, "ready"),
    )


def _age(metrics: Metrics, depths: Sequence[DepthSeries]) -> Chart:
    most = max((_most(each.oldest_seconds) for each in depths), default=0)
    return Chart(
        name="age",
        title=_("Age of the oldest message"),
        summary=_("The oldest message had waited for %s.") % _in_seconds(most),
        unit="seconds",
        is_stacked=False,
        starts=metrics.series.starts,
        seconds=metrics.series.seconds,
        lines=_lines(depths, "oldest_seconds"),
    )


def _lines(depths: Sequence[DepthSeries], what: str) -> list[Line]:
    return [
        Line(each.name, f"queue-{number}", getattr(each, what))
        for number, each in enumerate(depths)
    ]


def _most(values: Sequence[Value]) -> float:
    return max((value for value in values if value is not None), default=0)


def _counted(value: Value) -> str:
    return markup.NOTHING if value is None else counted(int(value))


def _in_seconds(value: Value) -> str:
    return markup.seconds(value)
