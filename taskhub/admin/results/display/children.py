"""Where a result comes from, and what has come of it."""

from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.admin import display as markup
from taskhub.admin.addresses import address, link, row_address
from taskhub.models import TaskResult, TaskResultQuerySet
from taskhub.operations.results import Selection

#: So many of the results that it has enqueued are shown.
_MOST_CHILDREN = 10
_READ = ("id", "task_path", "status")


def link_to(site: AdminSite, pk: object) -> SafeString | str:
    """Return a link to a result by its id, or the id if it cannot be one."""
    try:
        url = address(site, "taskresult_change", UUID(str(pk)))
    except ValueError:
        return str(pk)
    return link(url, format_html("<code>{}</code>", pk))


def read_children(row: TaskResult, results: TaskResultQuerySet) -> None:
    """Note in a row the last results that its run has enqueued, and one more."""
    found: Any = row
    children = Selection(parent=row.pk).of(results).only(*_READ)
    found.shown_children = list(children[: _MOST_CHILDREN + 1])


def children_of(row: TaskResult) -> list[TaskResult]:
    """Return what read_children() has noted."""
    return getattr(row, "shown_children", [])


def children(site: AdminSite, row: TaskResult) -> SafeString:
    """Return the results that the run of a result has enqueued, as a list of links."""
    shown = format_html_join(
        "",
        "<li>{} {}</li>",
        (
            (
                markup.badge(child.status),
                link(row_address(site, child), markup.short_path(child.task_path)),
            )
            for child in children_of(row)[:_MOST_CHILDREN]
        ),
    )
    query = urlencode({"parent": str(row.pk)})
    url = f"{address(site, 'taskresult_changelist')}?{query}"
    everything = link(url, _("all that it has enqueued"))
    return format_html('<ul class="taskhub-children">{}</ul>{}', shown, everything)
