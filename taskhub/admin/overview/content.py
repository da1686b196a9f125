"""All that the overview shows, read with a bounded number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from taskhub import operations
from taskhub.admin import display as markup
from taskhub.admin.addresses import address
from taskhub.admin.neighbours import rows_of
from taskhub.admin.overview import tables as figures
from taskhub.admin.overview.charts import charts
from taskhub.admin.overview.nodes import read_nodes
from taskhub.admin.overview.ticks import read_ticks
from taskhub.models import Node, PeriodicTask, TaskMetrics, TaskResult
from taskhub.operations.metrics.figures import RANGES, Metrics, read_metrics
from taskhub.operations.status import SystemStatus

DEFAULT_RANGE = "1h"


@dataclass(frozen=True)
class Tile:
    """One number in large type."""

    label: str
    value: str
    #: What stands beneath it.
    note: str = ""
    #: The status whose colour it has, if it says something.
    colour: str = ""


def read_overview(site: AdminSite, request: HttpRequest) -> dict[str, Any]:
    """Return what is on the page, for its templates; any text is for a range."""
    range_name = request.GET.get("range", "")
    if range_name not in RANGES:
        range_name = DEFAULT_RANGE
    metrics = read_metrics(range_name, rows_of(site, request, TaskMetrics))
    status = operations.status.read_status(
        nodes=rows_of(site, request, Node),
        schedules=rows_of(site, request, PeriodicTask),
    )
    has_results = site.is_registered(TaskResult)
    results = address(site, "taskresult_changelist") if has_results else ""
    silent = {node.name for node in status.nodes if node.is_silent}
    return {
        "range": range_name,
        "attention": status.needs_attention,
        "tiles": _tiles(metrics, status),
        "charts": charts(metrics),
        "tables": [
            {
                "name": "task",
                "title": _("By task"),
                "rows": figures.rows(metrics.by_task, "task", range_name, results),
                "more": _more(metrics.by_task),
            },
            {
                "name": "queue",
                "title": _("By queue"),
                "rows": figures.rows(metrics.by_queue, "queue", range_name, results),
                "more": _more(metrics.by_queue),
            },
        ],
        "nodes": read_nodes(site, request, silent),
        "ticks": read_ticks(site, request),
    }


def _more(all_figures: Sequence[object]) -> int:
    return max(0, len(all_figures) - figures.MOST_ROWS)


def _tiles(metrics: Metrics, status: SystemStatus) -> list[Tile]:
    ages = [each.oldest_seconds for each in status.queues if each.oldest_seconds]
    finished = sum(each.finished for each in metrics.by_queue)
    failed = sum(each.failed for each in metrics.by_queue)
    length, _seconds = RANGES[metrics.range]
    per_minute = finished / (length.total_seconds() / 60)
    present = sum(not node.is_silent for node in status.nodes)
    return [
        Tile(
            _("Ready"),
            figures.counted(sum(each.ready for each in status.queues)),
            _("the oldest for %s") % markup.seconds(max(ages)) if ages else "",
        ),
        Tile(
            _("Delayed"),
            figures.counted(sum(each.delayed for each in status.queues)),
        ),
        Tile(
            _("Held"),
            figures.counted(sum(each.held for each in status.queues)),
            _("%d nodes present") % present,
        ),
        Tile(
            _("Finished"),
            figures.counted(finished),
            _("%s a minute") % number_format(per_minute, 1, force_grouping=True),
        ),
        Tile(
            _("Failed"),
            figures.counted(failed),
            figures.percent(failed / finished) if finished else "",
            "failed" if failed else "",
        ),
    ]
