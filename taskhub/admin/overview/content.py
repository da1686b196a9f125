"""The content of the overview, read with a bounded number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from taskhub import operations
from taskhub.admin import display
from taskhub.admin.addresses import address
from taskhub.admin.neighbours import rows_of
from taskhub.admin.overview.charts import charts
from taskhub.admin.overview.nodes import read_nodes
from taskhub.admin.overview.tables import MAX_ROWS, percent
from taskhub.admin.overview.tables import rows as rows_of_table
from taskhub.admin.overview.ticks import read_ticks
from taskhub.models import Node, PeriodicTask, TaskMetrics, TaskResult
from taskhub.operations.metrics.figures import RANGES, Metrics, read_metrics
from taskhub.operations.status import SystemStatus

DEFAULT_RANGE = "1h"


@dataclass(frozen=True)
class Tile:
    """A number in large type, with a label and a note below it."""

    label: str
    value: str
    note: str = ""
    #: The status whose colour the number has, or "".
    colour: str = ""


def read_overview(site: AdminSite, request: HttpRequest) -> dict[str, Any]:
    """Return the context of the templates; an unknown range means DEFAULT_RANGE."""
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
                "rows": rows_of_table(metrics.by_task, "task", range_name, results),
                "more": _more(metrics.by_task),
            },
            {
                "name": "queue",
                "title": _("By queue"),
                "rows": rows_of_table(metrics.by_queue, "queue", range_name, results),
                "more": _more(metrics.by_queue),
            },
        ],
        "nodes": read_nodes(site, request, silent),
        "ticks": read_ticks(site, request),
    }


def _more(figures: Sequence[object]) -> int:
    """Return how many rows the table leaves out."""
    return max(0, len(figures) - MAX_ROWS)


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
            display.number(sum(each.ready for each in status.queues)),
            _("oldest: %s") % display.seconds(max(ages)) if ages else "",
        ),
        Tile(
            _("Scheduled"),
            display.number(sum(each.delayed for each in status.queues)),
        ),
        Tile(
            _("In progress"),
            display.number(sum(each.held for each in status.queues)),
            _("%d nodes present") % present,
        ),
        Tile(
            _("Finished"),
            display.number(finished),
            _("%s a minute") % number_format(per_minute, 1, force_grouping=True),
        ),
        Tile(
            _("Failed"),
            display.number(failed),
            percent(failed / finished) if finished else "",
            "failed" if failed else "",
        ),
    ]
