"""
What worker processes run now, read once for a whole page.

A run lingers if it continues although its result was cancelled or its lease ended.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext as _

from taskhub.admin import display
from taskhub.admin.addresses import row_address
from taskhub.admin.neighbours import rows_of
from taskhub.models import Node, TaskResult
from taskhub.models.results.lingering import LingeringRun
from taskhub.models.results.querysets import TaskResultQuerySet
from taskhub.operations.results.selection import is_restricted

#: A page reads at most this many running results.
_MAX_RUNNING_RESULTS = 1_000


def running_by_token(results: TaskResultQuerySet) -> dict[str, list[TaskResult]]:
    """Return the running results by the token of the process that runs them."""
    running: dict[str, list[TaskResult]] = defaultdict(list)
    shown = results.running().only("id", "task_path", "last_attempted_at", "worker_ids")
    for row in shown[:_MAX_RUNNING_RESULTS]:
        for token in row.worker_ids[-1:]:
            running[token].append(row)
    return running


@dataclass(frozen=True)
class LingeringOnPage:
    """A lingering run as pages show it."""

    #: The address of the result's page, or "".
    url: str
    task: str
    #: Why the run lingers, and for how long.
    text: str


def describe_lingering(run: LingeringRun, now: datetime) -> str:
    """Return why a run lingers, and for how long."""
    return _("%(because)s, still running for %(duration)s") % {
        "because": run.because.label,
        "duration": display.duration(max(now, run.since) - run.since),
    }


def lingering_by_token(
    site: AdminSite, request: HttpRequest, nodes: Iterable[Node], now: datetime
) -> dict[str, list[LingeringOnPage]]:
    """
    Return the lingering runs of nodes by the token of the process.

    Leave out runs whose results the user may not see. Make one query if a run lingers.
    """
    runs = [run for node in nodes for run in node.lingering_runs]
    if not runs:
        return {}
    results = rows_of(site, request, TaskResult)
    seen: dict[UUID, TaskResult] = results.only("id").in_bulk([run.id for run in runs])
    sees_all = not is_restricted(results)
    shown: dict[str, list[LingeringOnPage]] = defaultdict(list)
    for run in runs:
        row = seen.get(run.id)
        if row is None and not sees_all:
            continue
        shown[run.token].append(
            LingeringOnPage(
                url=row_address(site, row) if row else "",
                task=run.task_path.rpartition(".")[2] or str(run.id),
                text=describe_lingering(run, now),
            )
        )
    return shown
