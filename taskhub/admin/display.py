"""Pieces of HTML for pages of the admin. Values from tasks are escaped."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _

from taskhub.admin.addresses import row_address
from taskhub.admin.schedule_words import local_time
from taskhub.foundation.values import escape_text
from taskhub.models import Status, TaskResult

#: Shown for a missing value.
NOTHING = "\N{EN DASH}"


def status_label(row: TaskResult) -> str:
    """Return the label of a status; a READY result may be retrying or scheduled."""
    if row.status == Status.READY and row.attempts:
        return _("Retrying")
    if row.status == Status.READY and row.run_after and row.run_after > now():
        return _("Scheduled")
    return Status.label_of(row.status)


def badge(row: TaskResult) -> SafeString:
    """Return the status of a result as a coloured label."""
    return format_html(
        '<span class="taskhub-status taskhub-{}">{}</span>',
        row.status.lower(),
        status_label(row),
    )


def linked_badge(site: AdminSite, result: TaskResult) -> SafeString:
    """Return the status of a result as a coloured label that links to it."""
    if not (url := row_address(site, result)):
        return badge(result)
    return format_html(
        '<a class="taskhub-to-result" href="{}">{}</a>', url, badge(result)
    )


def short_path(path: str) -> SafeString:
    """Return a task's path: the name first, then the module."""
    module, _dot, name = path.rpartition(".")
    return format_html(
        '<span class="taskhub-task">{}</span> <span class="taskhub-module">{}</span>',
        name,
        module,
    )


def duration(span: timedelta | None) -> str:
    """Return a duration in a suitable unit: 1.2 ms, 34.0 s, 5 min 6 s."""
    if span is None:
        return NOTHING
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s"


def seconds(count: float | None) -> str:
    """Return seconds in a suitable unit, with three digits below one second."""
    if count is not None and 0 < count < 1:
        return f"{count * 1000:.3g} ms"
    return duration(None if count is None else timedelta(seconds=count))


def number(count: int) -> str:
    """Return a number with separators between thousands."""
    if count < 1_000:
        # There is nothing to group. number_format() is slow, and a page has hundreds.
        return str(count)
    return number_format(count, force_grouping=True)


def moment(when: datetime | None) -> SafeString:
    """Return a time in the current zone, with its date unless the date is today."""
    if when is None:
        return format_html("{}", NOTHING)
    local = local_time(when)
    is_today = local.date() == localtime().date()
    return format_html(
        '<time class="taskhub-time" datetime="{}" title="{}">{} {}</time>',
        when.isoformat(),
        local.isoformat(sep=" "),
        "" if is_today else date_format(local, "SHORT_DATE_FORMAT"),
        local.strftime("%H:%M:%S"),
    )


def pretty_json(value: Any) -> SafeString:
    """Return a value as indented JSON."""
    # SQL statements and fixtures may have written lone surrogates.
    text = escape_text(json.dumps(value, indent=2, ensure_ascii=False))
    return format_html('<pre class="taskhub-code" tabindex="0">{}</pre>', text)


def progress(reported: dict[str, Any]) -> SafeString:
    """Return the progress that a task has reported: 3 of 10, and its message."""
    done, total = reported.get("done"), reported.get("total")
    share = done if total is None else _("%(done)s of %(total)s") % reported
    return format_html("{} {}", share, reported.get("message", ""))


def timeline(times: Iterable[tuple[str, datetime | None]]) -> SafeString:
    """Return times in order, each with the time since the one before."""
    known = sorted(
        ((when, name) for name, when in times if when is not None),
        key=lambda entry: entry[0],
    )
    rows = []
    before = None
    for when, name in known:
        gap = f"+ {duration(when - before)}" if before else ""
        rows.append((name, moment(when), gap))
        before = when
    return format_html(
        '<table class="taskhub-timeline"><tbody>{}</tbody></table>',
        format_html_join(
            "", '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', rows
        ),
    )
