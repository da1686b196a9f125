"""How a periodic task is shown: columns of the list, and what is not edited."""

from datetime import UTC, datetime, tzinfo
from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub.admin import display as markup
from taskhub.admin import schedule_words as words
from taskhub.admin.addresses import address, link
from taskhub.admin.forms import task_select
from taskhub.admin.forms.durations import write_duration
from taskhub.admin.periodic_tasks.display.sparkline import sparkline
from taskhub.admin.periodic_tasks.display.upcoming_runs import (
    foretell,
    relative,
    zone_of,
)
from taskhub.admin.periodic_tasks.recent_results import last_id
from taskhub.admin.periodic_tasks.views.preview import as_json
from taskhub.exceptions import InvalidSchedule
from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import Unreadable
from taskhub.tasks.masking import masked


def recent_of(row: PeriodicTask) -> list[TaskResult]:
    """Return the last results of a row, as its page or the list has fetched them."""
    return getattr(row, "recent_results", [])


def last_of(row: PeriodicTask) -> TaskResult | None:
    """Return the result of the last run, unless it is gone."""
    results = recent_of(row)
    if results and results[-1].pk == last_id(row.recent_ids):
        return results[-1]
    return None


class Columns:
    """The columns of the list."""

    admin_site: AdminSite

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def named(self, row: PeriodicTask) -> SafeString:
        return format_html(
            '<span class="taskhub-task">{}</span>{}{}{}',
            row.name,
            _mark(_("from code")) if row.from_code else "",
            format_html(
                '<code class="taskhub-small" title="{}">{}</code>',
                row.task_path,
                row.task_path.rpartition(".")[2],
            ),
            _small(row.description),
        )

    @admin.display(description=gettext_lazy("schedule"), ordering="schedule")
    def in_words(self, row: PeriodicTask) -> SafeString:
        is_unreadable = isinstance(row.schedule, Unreadable)
        return format_html(
            '<span class="{}" title="{}">{}</span>',
            "taskhub-fault" if is_unreadable else "",
            row.schedule.text,
            words.describe(row.schedule),
        )

    @admin.display(description=gettext_lazy("next run"), ordering="next_run_at")
    def next_run(self, row: PeriodicTask) -> SafeString:
        if not row.enabled and row.disabled_reason:
            word = format_html('<span class="taskhub-fault">{}</span>', _("disabled"))
            return word + _small(row.disabled_reason)
        if not row.enabled:
            return format_html("{}", markup.NOTHING)
        if row.next_run_at is None or row.is_plan_stale:
            # It was changed by other ways than through its model.
            return format_html("{}", _("not planned yet"))
        return _relative_time(row.next_run_at, zone_of(row))

    @admin.display(description=gettext_lazy("last runs"), ordering="last_run_at")
    def last_runs(self, row: PeriodicTask) -> SafeString:
        return format_html("{} {}", self.last_run(row), self.recent(row))

    @admin.display(description=gettext_lazy("last run"))
    def last_run(self, row: PeriodicTask) -> SafeString:
        if row.last_run_at is None:
            return format_html("{}", _("never"))
        when = _relative_time(row.last_run_at, timezone.get_current_timezone())
        last = last_of(row)
        if last is None:
            return when
        return format_html("{} {}", markup.linked_badge(self.admin_site, last), when)

    @admin.display(description=gettext_lazy("last 20 runs"))
    def recent(self, row: PeriodicTask) -> SafeString:
        results = recent_of(row)
        return sparkline(results) if results else SafeString("")


class Fields:
    """What the page of a row shows beside what is edited there."""

    admin_site: AdminSite

    @admin.display(description=gettext_lazy("runs"))
    def runs(self, row: PeriodicTask) -> SafeString:
        count, skipped = row.total_run_count, row.skipped_run_count
        text = ngettext("%d run", "%d runs", count) % count
        if skipped:
            text += ", " + ngettext("%d skipped", "%d skipped", skipped) % skipped
        if not self.admin_site.is_registered(TaskResult):
            return format_html("{}", text)
        results = address(self.admin_site, "taskresult_changelist")
        url = f"{results}?periodic_task__id__exact={row.pk}"
        return format_html("{} · {}", text, link(url, _("all results")))

    @admin.display(description=gettext_lazy("next runs"))
    def preview(self, row: PeriodicTask) -> SafeString:
        """Return the place where periodic.js shows the next runs, and those it has."""
        url = address(self.admin_site, "periodictask_preview")
        shown = {"url": url, "row": row, **_foretold(row)}
        return SafeString(render_to_string("admin/taskhub/preview.html", shown))

    @admin.display(description=gettext_lazy("schedule"))
    def shown_schedule(self, row: PeriodicTask) -> SafeString:
        return format_html(
            '{}<br><code class="taskhub-signature">{}</code>',
            words.describe(row.schedule),
            row.schedule.text,
        )

    @admin.display(description=gettext_lazy("task"))
    def shown_task(self, row: PeriodicTask) -> SafeString:
        return format_html("{}<br>{}", row.task_path, task_select.hint(row.task_path))

    @admin.display(description=gettext_lazy("positional arguments"))
    def shown_args(self, row: PeriodicTask) -> SafeString:
        args, _kwargs = masked(row.task_path, row.args, row.kwargs)
        return markup.pretty_json(args)

    @admin.display(description=gettext_lazy("keyword arguments"))
    def shown_kwargs(self, row: PeriodicTask) -> SafeString:
        _args, kwargs = masked(row.task_path, row.args, row.kwargs)
        return markup.pretty_json(kwargs)

    @admin.display(description=gettext_lazy("queue"))
    def shown_queue(self, row: PeriodicTask) -> str:
        return row.queue_name or _("the task's own")

    @admin.display(description=gettext_lazy("jitter"))
    def shown_jitter(self, row: PeriodicTask) -> str:
        return write_duration(row.jitter)

    @admin.display(description=gettext_lazy("window for missed runs"))
    def shown_missed_window(self, row: PeriodicTask) -> str:
        return write_duration(row.missed_window)

    @admin.display(description=gettext_lazy("expires after"))
    def shown_expires_after(self, row: PeriodicTask) -> str:
        span = row.expires_after
        return markup.NOTHING if span is None else write_duration(span)


def _foretold(row: PeriodicTask) -> dict[str, Any]:
    """Return what the page shows of a saved row before any script has run."""
    now = datetime.now(UTC)
    if row.pk is None:
        return {}
    try:
        runs = [as_json(run, None, now) for run in foretell(row, now)]
    except InvalidSchedule:
        # The banner says what is wrong with it.
        return {}
    return {
        "words": words.describe(row.schedule),
        "zone": str(zone_of(row)),
        "runs": runs,
    }


def _relative_time(when: datetime, zone: tzinfo) -> SafeString:
    local = words.local_time(when, zone)
    return format_html(
        '<time class="taskhub-time" datetime="{}" title="{} {}">{}</time>',
        when.isoformat(),
        words.full_time(local),
        local.tzname() or "",
        relative(when),
    )


def _mark(text: str) -> SafeString:
    return format_html(' <span class="taskhub-mark">{}</span>', text)


def _small(text: str) -> SafeString:
    if not text:
        return SafeString("")
    return format_html('<span class="taskhub-small" title="{}">{}</span>', text, text)
