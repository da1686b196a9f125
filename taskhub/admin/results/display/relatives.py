"""Links from a result to its periodic task, its parent and its children."""

from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.admin.addresses import address, link, row_address
from taskhub.admin.display import NOTHING, badge, short_path
from taskhub.models import TaskResult, TaskResultQuerySet
from taskhub.operations.results import Selection

_MAX_CHILDREN = 10
_COLUMNS = ("id", "task_path", "status", "attempts", "run_after")


def periodic_task(site: AdminSite, row: TaskResult) -> SafeString:
    """Return a link to the periodic task of a result."""
    if row.periodic_task is None:
        return format_html("{}", NOTHING)
    return link(row_address(site, row.periodic_task), row.periodic_task)


def link_to(site: AdminSite, pk: object) -> SafeString | str:
    """Return a link to a result by its id, or the text if it is not an id."""
    try:
        url = address(site, "taskresult_change", UUID(str(pk)))
    except ValueError:
        return str(pk)
    return link(url, format_html("<code>{}</code>", pk))


def add_children(row: TaskResult, results: TaskResultQuerySet) -> None:
    """Set `shown_children` of a row: the last results that its run enqueued."""
    found: Any = row
    children = Selection(parent=row.pk).of(results).only(*_COLUMNS)
    found.shown_children = list(children[:_MAX_CHILDREN])


def children_of(row: TaskResult) -> list[TaskResult]:
    """Return the children that add_children() has set."""
    return getattr(row, "shown_children", [])


def children(site: AdminSite, row: TaskResult) -> SafeString:
    """Return links to the children of a result, and to the list of all of them."""
    shown = format_html_join(
        "",
        "<li>{} {}</li>",
        (
            (
                badge(child),
                link(row_address(site, child), short_path(child.task_path)),
            )
            for child in children_of(row)
        ),
    )
    query = urlencode({"parent": str(row.pk)})
    url = f"{address(site, 'taskresult_changelist')}?{query}"
    everything = link(url, _("all results that it enqueued"))
    return format_html('<ul class="taskhub-children">{}</ul>{}', shown, everything)
