"""The lingering run of a result; see admin.worker_runs."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import AdminSite
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.admin.addresses import link, row_address
from taskhub.admin.worker_runs import describe_lingering
from taskhub.models import Node, Status, TaskResult
from taskhub.models.results.lingering import LingeringRun
from taskhub.operations.results.lingering import may_be_ended, still_running


def add_lingering(rows: Sequence[TaskResult]) -> None:
    """Set `lingering_run` of rows to a run or None, with one query."""
    runs = still_running(rows)
    for row in rows:
        found: Any = row
        found.lingering_run = runs.get(row.pk)


def lingering_of(row: TaskResult) -> LingeringRun | None:
    """Return the lingering run of a result, or None; it is read once for a page."""
    if not hasattr(row, "lingering_run"):
        add_lingering([row])
    found: LingeringRun | None = getattr(row, "lingering_run", None)
    return found


def lingering_mark(row: TaskResult) -> SafeString:
    """Return a label with the reason and the duration of a lingering run, if any."""
    run = lingering_of(row)
    if run is None:
        return SafeString("")
    return format_html(
        '<span class="taskhub-mark taskhub-cancelled">{}</span>',
        describe_lingering(run, timezone.now()),
    )


def lingering_place(site: AdminSite, row: TaskResult) -> SafeString:
    """Return the node and the process of a lingering run, if any."""
    run = lingering_of(row)
    if run is None:
        return SafeString("")
    node = link(row_address(site, Node(name=run.node)), run.node)
    return format_html("{} {} {}", node, _("process"), run.pid)


def with_lingering(row: TaskResult, progress: dict[str, Any]) -> dict[str, Any]:
    """Return the progress of a result; it is not over while a run may linger."""
    run = lingering_of(row)
    may_run = row.status == Status.CANCELLED and may_be_ended(row)
    if run is None and not may_run:
        return progress
    text = describe_lingering(run, timezone.now()) if run else progress["text"]
    state = f"{progress['state']}-{'lingers' if run else 'may linger'}"
    return {**progress, "is_over": False, "percent": None, "text": text, "state": state}
