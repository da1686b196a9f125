"""The columns of the list, and the read-only fields of a periodic task's page."""

from datetime import timedelta

from django.contrib.admin import display
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin import schedule_words
from taskhub.admin.display import NOTHING, pretty_json
from taskhub.admin.forms.duration import write_duration
from taskhub.admin.forms.task_select import hint
from taskhub.admin.periodic_tasks.display.runs import relative_time
from taskhub.admin.periodic_tasks.display.upcoming_runs import zone_of
from taskhub.models import PeriodicTask
from taskhub.schedules import Unreadable
from taskhub.tasks.masking import masked


@display(description=gettext_lazy("name"), ordering="name")
def named(row: PeriodicTask) -> SafeString:
    mark = format_html(' <span class="taskhub-mark">{}</span>', _("from code"))
    return format_html(
        '<span class="taskhub-task">{}</span>{}{}{}',
        row.name,
        mark if row.from_code else "",
        format_html(
            '<code class="taskhub-small" title="{}">{}</code>',
            row.task_path,
            row.task_path.rpartition(".")[2],
        ),
        _small(row.description),
    )


@display(description=gettext_lazy("schedule"), ordering="schedule")
def in_words(row: PeriodicTask) -> SafeString:
    is_unreadable = isinstance(row.schedule, Unreadable)
    return format_html(
        '<span class="{}" title="{}">{}</span>',
        "taskhub-fault" if is_unreadable else "",
        row.schedule.text,
        schedule_words.describe(row.schedule),
    )


@display(description=gettext_lazy("next run"), ordering="next_run_at")
def next_run(row: PeriodicTask) -> SafeString:
    if not row.enabled and row.disabled_reason:
        label = format_html('<span class="taskhub-fault">{}</span>', _("disabled"))
        return label + _small(row.disabled_reason)
    if not row.enabled:
        return format_html("{}", NOTHING)
    if row.next_run_at is None or row.is_plan_stale:
        # The row was changed without save(), for example by SQL.
        return format_html("{}", _("not planned yet"))
    return relative_time(row.next_run_at, zone_of(row))


@display(description=gettext_lazy("schedule"))
def schedule(row: PeriodicTask) -> SafeString:
    return format_html(
        '{}<br><code class="taskhub-signature">{}</code>',
        schedule_words.describe(row.schedule),
        row.schedule.text,
    )


@display(description=gettext_lazy("task"))
def task(row: PeriodicTask) -> SafeString:
    return format_html("{}<br>{}", row.task_path, hint(row.task_path))


@display(description=gettext_lazy("positional arguments"))
def args(row: PeriodicTask) -> SafeString:
    shown, _kwargs = masked(row.task_path, row.args, row.kwargs)
    return pretty_json(shown)


@display(description=gettext_lazy("keyword arguments"))
def kwargs(row: PeriodicTask) -> SafeString:
    _args, shown = masked(row.task_path, row.args, row.kwargs)
    return pretty_json(shown)


@display(description=gettext_lazy("queue"))
def queue(row: PeriodicTask) -> str:
    return row.queue_name or _("the task's own")


@display(description=gettext_lazy("jitter"))
def jitter(row: PeriodicTask) -> str:
    return write_duration(row.jitter)


@display(description=gettext_lazy("window for missed runs"))
def missed_window(row: PeriodicTask) -> str:
    return write_duration(row.missed_window)


@display(description=gettext_lazy("expires after"))
def expires_after(row: PeriodicTask) -> str:
    span: timedelta | None = row.expires_after
    return NOTHING if span is None else write_duration(span)


def _small(text: str) -> SafeString:
    if not text:
        return SafeString("")
    return format_html('<span class="taskhub-small" title="{}">{}</span>', text, text)
