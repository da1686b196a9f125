"""The last and the next runs of a periodic task."""

from datetime import UTC, datetime, tzinfo
from typing import Any

from django.contrib.admin import AdminSite, display
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub.admin import schedule_words
from taskhub.admin.addresses import address, link
from taskhub.admin.display import linked_badge
from taskhub.admin.periodic_tasks.display.sparkline import sparkline
from taskhub.admin.periodic_tasks.display.upcoming_runs import (
    as_json,
    relative,
    upcoming_runs,
    zone_of,
)
from taskhub.admin.periodic_tasks.recent_results import last_id
from taskhub.exceptions import InvalidSchedule
from taskhub.models import PeriodicTask, TaskResult


def last_runs(site: AdminSite, row: PeriodicTask) -> SafeString:
    """Return the last run, and a sparkline of the last 20 runs."""
    return format_html("{} {}", last_run(site, row), recent(row))


def last_run(site: AdminSite, row: PeriodicTask) -> SafeString:
    """Return the status and the time of the last run."""
    if row.last_run_at is None:
        return format_html("{}", _("never"))
    when = relative_time(row.last_run_at, timezone.get_current_timezone())
    results = _recent_results_of(row)
    if results and results[-1].pk == last_id(row.recent_ids):
        return format_html("{} {}", linked_badge(site, results[-1]), when)
    # The result was deleted.
    return when


@display(description=gettext_lazy("last 20 runs"))
def recent(row: PeriodicTask) -> SafeString:
    results = _recent_results_of(row)
    return sparkline(results) if results else SafeString("")


def _recent_results_of(row: PeriodicTask) -> list[TaskResult]:
    """Return the last results of a row, which its page or the list has read."""
    return getattr(row, "recent_results", [])


def number_of_runs(site: AdminSite, row: PeriodicTask) -> SafeString:
    """Return the number of runs, with a link to their results."""
    count, skipped = row.total_run_count, row.skipped_run_count
    text = ngettext("%d run", "%d runs", count) % count
    if skipped:
        text += ", " + ngettext("%d skipped", "%d skipped", skipped) % skipped
    if not site.is_registered(TaskResult):
        return format_html("{}", text)
    results = address(site, "taskresult_changelist")
    url = f"{results}?periodic_task__id__exact={row.pk}"
    return format_html("{} · {}", text, link(url, _("all results")))


def next_runs(site: AdminSite, row: PeriodicTask) -> SafeString:
    """Return the next runs, which periodic.js updates while the user types."""
    url = address(site, "periodictask_preview")
    shown = {"url": url, "row": row, **_initial_preview(row)}
    return SafeString(render_to_string("admin/taskhub/preview.html", shown))


def _initial_preview(row: PeriodicTask) -> dict[str, Any]:
    """Return the schedule in words and the next runs, or {} for a new row."""
    now = datetime.now(UTC)
    if row.pk is None:
        return {}
    try:
        runs = [as_json(run, None, now) for run in upcoming_runs(row, now)]
    except InvalidSchedule:
        # A banner on the page shows the reason.
        return {}
    return {
        "words": schedule_words.describe(row.schedule),
        "zone": str(zone_of(row)),
        "runs": runs,
    }


def relative_time(when: datetime, zone: tzinfo) -> SafeString:
    """Return how long ago or how soon a time is; the title has the time itself."""
    local = schedule_words.local_time(when, zone)
    return format_html(
        '<time class="taskhub-time" datetime="{}" title="{} {}">{}</time>',
        when.isoformat(),
        schedule_words.full_time(local),
        local.tzname() or "",
        relative(when),
    )
