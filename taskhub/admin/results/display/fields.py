"""The columns of the list, and the fields of a result's page."""

from typing import Any

from django.contrib.admin import display
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec.structs import astuple

from taskhub.admin.display import (
    NOTHING,
    badge,
    duration,
    moment,
    pretty_json,
    short_path,
)
from taskhub.admin.display import progress as progress_text
from taskhub.admin.display import timeline as timeline_of
from taskhub.admin.results.display.attempts import attempts as attempts_of
from taskhub.admin.results.display.lingering import lingering_mark
from taskhub.admin.results.display.logs import log_of
from taskhub.admin.results.display.tracebacks import failures
from taskhub.exceptions import UnknownTask
from taskhub.models import TaskResult
from taskhub.operations.results.stalled import stalled_since
from taskhub.operations.tasks import DEFAULT, options_of
from taskhub.tasks import find_task
from taskhub.tasks.masking import masked


@display(description=gettext_lazy("task"))
def task(row: TaskResult) -> SafeString:
    return short_path(row.task_path)


@display(description=gettext_lazy("status"))
def status(row: TaskResult) -> SafeString:
    return format_html("{} {} {}", badge(row), lingering_mark(row), _stalled_mark(row))


def _stalled_mark(row: TaskResult) -> SafeString | str:
    """Return a mark for a running task without progress; "" if it is not stalled."""
    if (since := stalled_since(row)) is None:
        return ""
    return format_html(
        '<span class="taskhub-mark taskhub-cancelled">{}</span>',
        _("no progress for %s") % duration(now() - since),
    )


@display(description=gettext_lazy("enqueued"), ordering="id")
def enqueued(row: TaskResult) -> SafeString:
    return moment(row.enqueued_at)


@display(description=gettext_lazy("waited"))
def waited(row: TaskResult) -> str:
    return duration(row.waited)


@display(description=gettext_lazy("ran"))
def ran(row: TaskResult) -> str:
    return duration(row.ran)


@display(description=gettext_lazy("positional"))
def args(row: TaskResult) -> SafeString:
    shown, _kwargs = masked(row.task_path, row.args, row.kwargs)
    return pretty_json(shown)


@display(description=gettext_lazy("by keyword"))
def kwargs(row: TaskResult) -> SafeString:
    _args, shown = masked(row.task_path, row.args, row.kwargs)
    return pretty_json(shown)


@display(description=gettext_lazy("return value"))
def return_value(row: TaskResult) -> SafeString:
    return pretty_json(row.return_value)


@display(description=gettext_lazy("errors"))
def errors(row: TaskResult) -> SafeString:
    return failures(row.errors)


@display(description=gettext_lazy("progress"))
def progress(row: TaskResult) -> SafeString:
    return progress_text(row.progress or {})


@display(description=gettext_lazy("stored"))
def storage_notes(row: TaskResult) -> str:
    notes: dict[str, str] = row.storage_notes
    sentences = [
        _("Escaped: %s.") % notes["escaped"] if "escaped" in notes else "",
        _("Keys merged: %s.") % notes["merged"] if "merged" in notes else "",
        notes.get("truncated", ""),
    ]
    return " ".join(filter(None, sentences))


@display(description=gettext_lazy("attempts"))
def attempts(row: TaskResult) -> SafeString:
    return attempts_of(row)


@display(description=gettext_lazy("memory"))
def memory(row: TaskResult) -> str:
    return NOTHING if row.memory_mib is None else f"{row.memory_mib:,} MiB"


@display(description=gettext_lazy("log"))
def log(row: TaskResult) -> Any:
    return log_of(row)


@display(description=gettext_lazy("timeline"))
def timeline(row: TaskResult) -> SafeString:
    last_attempted = row.last_attempted_at if row.attempts > 1 else None
    return timeline_of(
        [
            (_("Enqueued"), row.enqueued_at),
            (_("Due"), row.run_after),
            (_("Started"), row.started_at),
            (_("Last attempted"), last_attempted),
            (_("Finished"), row.finished_at),
            (_("Expires"), row.expires_at),
        ]
    )


@display(description=gettext_lazy("scheduled for"))
def tick(row: TaskResult) -> SafeString | str:
    if row.tick_at is None:
        return _("none: it was started by hand")
    return moment(row.tick_at)


@display(description=gettext_lazy("enqueued by hand by"))
def enqueued_by(row: TaskResult) -> str:
    return str(row.meta.get("enqueued_by", NOTHING))


@display(description=gettext_lazy("workers"))
def workers(row: TaskResult) -> str:
    return ", ".join(row.worker_ids) or NOTHING


@display(description=gettext_lazy("options of the task"))
def options(row: TaskResult) -> SafeString | str:
    try:
        task = find_task(row.task_path)
    except UnknownTask:
        return NOTHING
    set_ones = [each for each in options_of(task) if each.origin != DEFAULT]
    lines = format_html_join(
        "", "<div>{} = {} <small>{}</small></div>", map(astuple, set_ones)
    )
    return lines or _("all by default")


@display(description=gettext_lazy("meta"))
def meta(row: TaskResult) -> SafeString:
    return pretty_json(row.meta)
