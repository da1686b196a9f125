"""The page of failures by cause."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.admin.actions import is_allowed
from taskhub.admin.addresses import address, link
from taskhub.admin.display import moment, short_path
from taskhub.admin.responses import render
from taskhub.admin.results.forms import FailureFilterForm, Kind
from taskhub.admin.results.selection import selection_of
from taskhub.exceptions import InvalidOption, SearchTimeout
from taskhub.models import Status
from taskhub.operations.results.failures import (
    MAX_UNINDEXED_FAILURES,
    FailureGroup,
    is_unindexed,
    read_failures,
)

#: The rate that the button of a group proposes, so that services are not overloaded.
_RETRIES_PER_SECOND = 10
#: Longer messages are cut. The page of the last failure has the whole message.
_MAX_MESSAGE_CHARACTERS = 500


@dataclass(frozen=True)
class GroupOnPage:
    """A group of failures with the same cause, and its links."""

    group: FailureGroup
    last_url: str
    list_url: str
    retry_url: str
    delete_url: str

    @property
    def exception(self) -> SafeString:
        return short_path(self.group.exception or _("unknown"))

    @property
    def task(self) -> SafeString:
        return short_path(self.group.task_path)

    @property
    def message(self) -> str:
        text = self.group.message
        is_long = len(text) > _MAX_MESSAGE_CHARACTERS
        return text[:_MAX_MESSAGE_CHARACTERS] + ("…" if is_long else "")

    @property
    def first_seen(self) -> SafeString:
        return moment(self.group.first_seen)

    @property
    def last_seen(self) -> SafeString:
        return link(self.last_url, moment(self.group.last_seen))


def failures_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Show the failures that the filters select, grouped by cause."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    site = model_admin.admin_site
    query = {**request.GET.dict(), "status": Status.FAILED.value}
    try:
        selection = selection_of(query)
        rows = model_admin.get_queryset(request)
        groups = read_failures(selection, results=rows)
    except (InvalidOption, SearchTimeout) as error:
        model_admin.message_user(request, str(error), messages.ERROR)
        return redirect(address(site, "taskresult_failures"))
    return render(
        model_admin,
        request,
        "admin/taskhub/taskresult/failures.html",
        title=_("Failures by cause"),
        original=_("Failures"),
        form=FailureFilterForm(request.GET),
        groups=[_on_page(site, group, query) for group in groups],
        limit=MAX_UNINDEXED_FAILURES if is_unindexed(selection, rows) else 0,
        may_retry=is_allowed(model_admin, request, Kind.RETRY),
        may_delete=is_allowed(model_admin, request, Kind.DELETE),
    )


def _on_page(
    site: AdminSite, group: FailureGroup, query: dict[str, str]
) -> GroupOnPage:
    narrowed = {name: value for name, value in query.items() if value}
    filters = urlencode({**narrowed, "cause": group.cause})
    retry = address(site, "taskresult_bulk", Kind.RETRY)
    delete = address(site, "taskresult_bulk", Kind.DELETE)
    return GroupOnPage(
        group,
        last_url=address(site, "taskresult_change", group.last_id),
        list_url=f"{address(site, 'taskresult_changelist')}?{filters}",
        retry_url=f"{retry}?{filters}&per_second={_RETRIES_PER_SECOND}",
        delete_url=f"{delete}?{filters}",
    )
