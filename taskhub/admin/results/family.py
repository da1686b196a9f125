"""Where a result comes from, and what has come of it."""

from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.admin import markup
from taskhub.models import TaskResult
from taskhub.operations import Selection

#: So many of the results that it has enqueued are shown.
_MOST_CHILDREN = 10
_READ = ("id", "task_path", "status")


def link_to(pk: object) -> SafeString | str:
    """Return a link to a result by its id, or the id if it cannot be one."""
    try:
        url = reverse("admin:taskhub_taskresult_change", args=[UUID(str(pk))])
    except ValueError:
        return str(pk)
    return format_html('<a href="{}"><code>{}</code></a>', url, pk)


def children_of(row: TaskResult) -> list[TaskResult]:
    """Return the last results that the run of a result has enqueued, and one more."""
    found: Any = row
    if not hasattr(found, "shown_children"):
        results = Selection(parent=row.pk).results().only(*_READ)
        found.shown_children = list(results[: _MOST_CHILDREN + 1])
    children: list[TaskResult] = found.shown_children
    return children


def children(row: TaskResult) -> SafeString:
    """Return the results that the run of a result has enqueued, as a list of links."""
    found = children_of(row)
    shown = format_html_join(
        "",
        '<li>{} <a href="{}">{}</a></li>',
        (
            (
                markup.badge(child.status),
                markup.result_url(child),
                markup.short_path(child.task_path),
            )
            for child in found[:_MOST_CHILDREN]
        ),
    )
    url = reverse("admin:taskhub_taskresult_changelist")
    everything = format_html(
        '<a href="{}?{}">{}</a>',
        url,
        urlencode({"parent": str(row.pk)}),
        _("all that it has enqueued"),
    )
    return format_html('<ul class="taskhub-children">{}</ul>{}', shown, everything)
