"""That a process still runs a result for whose outcome nobody waits, on its pages."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import AdminSite
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.admin.addresses import link, row_address
from taskhub.admin.worker_runs import in_words
from taskhub.models import Node, Status, TaskResult
from taskhub.models.results.lingering import LingeringRun
from taskhub.operations.results.lingering import may_be_ended, still_running


def note_lingering(rows: Sequence[TaskResult]) -> None:
    """Note in rows what still runs of them; with one query for all."""
    runs = still_running(rows)
    for row in rows:
        noted: Any = row
        noted.lingering_run = runs.get(row.pk)


def lingering_of(row: TaskResult) -> LingeringRun | None:
    """Return what a process still runs of a result; it is asked once for a page."""
    if not hasattr(row, "lingering_run"):
        note_lingering([row])
    found: LingeringRun | None = getattr(row, "lingering_run", None)
    return found


def mark(row: TaskResult) -> SafeString:
    """Return how long it has still been running; nothing if it is not."""
    run = lingering_of(row)
    if run is None:
        return SafeString("")
    return format_html(
        '<span class="taskhub-mark taskhub-cancelled">{}</span>',
        in_words(run, timezone.now()),
    )


def place(site: AdminSite, row: TaskResult) -> SafeString:
    """Return which process still runs it."""
    run = lingering_of(row)
    if run is None:
        return SafeString("")
    return format_html(
        "{} {} {}",
        link(row_address(site, Node(name=run.node)), run.node),
        _("process"),
        run.pid,
    )


def follow(row: TaskResult, told: dict[str, Any]) -> dict[str, Any]:
    """
    Return what the page of a result is told while a process may still run it.

    The page has its remedy, and is not over before.
    """
    run = lingering_of(row)
    may_run = row.status == Status.CANCELLED and may_be_ended(row)
    if run is None and not may_run:
        return told
    text = in_words(run, timezone.now()) if run else told["text"]
    state = f"{told['state']}-{'lingers' if run else 'may linger'}"
    return {**told, "is_over": False, "percent": None, "text": text, "state": state}
