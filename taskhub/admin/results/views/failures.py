"""Failures by cause: what goes wrong, how often, and what to do about all of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin import display as markup
from taskhub.admin.addresses import address, link
from taskhub.admin.forms.queue_select import queue_choices
from taskhub.admin.forms.task_select import TaskSelect
from taskhub.admin.responses import render
from taskhub.admin.results.filters import EnqueuedFilter
from taskhub.admin.results.selection import selection_of
from taskhub.admin.results.views.bulk import Bulk, Kind
from taskhub.exceptions import InvalidOption, SearchTimeout
from taskhub.models import Status, TaskResult
from taskhub.operations.results.failures import (
    MAX_UNINDEXED_FAILURES,
    FailureGroup,
    is_unindexed,
    read_failures,
)

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object

#: What the button of a group proposes: what has just recovered is not overrun.
_PER_SECOND = 10
#: Of a message; the whole one is on the page of the last failure.
_MOST_CHARACTERS = 500


class FailureFilterForm(forms.Form):
    """Which failures are looked at, as in the list's address."""

    since = forms.ChoiceField(
        label=gettext_lazy("Enqueued"),
        required=False,
        choices=[
            ("", gettext_lazy("Any time")),
            *((value, title) for value, (title, _span) in EnqueuedFilter.spans.items()),
        ],
    )
    task = forms.CharField(
        label=gettext_lazy("Task"), required=False, widget=TaskSelect
    )
    queue = forms.CharField(
        label=gettext_lazy("Queue"), required=False, widget=forms.Select
    )
    q = forms.CharField(
        label=gettext_lazy("Search"), required=False, widget=forms.TextInput
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        queue: Any = self.fields["queue"].widget
        queue.choices = queue_choices(self.data.get("queue", ""))


@dataclass(frozen=True)
class ShownGroup:
    """A group with where its links lead."""

    group: FailureGroup
    last_url: str
    list_url: str
    retry_url: str
    delete_url: str

    @property
    def exception(self) -> SafeString:
        return markup.short_path(self.group.exception or _("unknown"))

    @property
    def task(self) -> SafeString:
        return markup.short_path(self.group.task_path)

    @property
    def message(self) -> str:
        text = self.group.message
        return text[:_MOST_CHARACTERS] + ("…" if len(text) > _MOST_CHARACTERS else "")

    @property
    def first_seen(self) -> SafeString:
        return markup.moment(self.group.first_seen)

    @property
    def last_seen(self) -> SafeString:
        return link(self.last_url, markup.moment(self.group.last_seen))


class Failures(Bulk, _Admin):
    """The page of failure groups, beside the list."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.failures_view)
        url = path("failures/", view, name="taskhub_taskresult_failures")
        return [url, *super().get_urls()]

    def failures_view(self, request: HttpRequest) -> HttpResponse:
        """Show the failures that a filter lets through, by cause."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = {**request.GET.dict(), "status": Status.FAILED.value}
        try:
            selection = selection_of(query)
            rows: Any = self.get_queryset(request)
            groups = read_failures(selection, results=rows)
        except (InvalidOption, SearchTimeout) as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect(address(self.admin_site, "taskresult_failures"))
        return render(
            self,
            request,
            "admin/taskhub/taskresult/failures.html",
            title=_("Failures by cause"),
            original=_("Failures"),
            form=FailureFilterForm(request.GET),
            groups=[_shown(self.admin_site, group, query) for group in groups],
            most=MAX_UNINDEXED_FAILURES if is_unindexed(selection, rows) else 0,
            may_retry=self.may(request, Kind.RETRY),
            may_delete=self.may(request, Kind.DELETE),
        )


def _shown(site: AdminSite, group: FailureGroup, query: dict[str, str]) -> ShownGroup:
    narrowed = {name: value for name, value in query.items() if value}
    narrowed["cause"] = group.cause
    filters = urlencode(narrowed)
    retry = address(site, "taskresult_bulk", Kind.RETRY)
    delete = address(site, "taskresult_bulk", Kind.DELETE)
    return ShownGroup(
        group,
        last_url=address(site, "taskresult_change", group.last_id),
        list_url=f"{address(site, 'taskresult_changelist')}?{filters}",
        retry_url=f"{retry}?{filters}&per_second={_PER_SECOND}",
        delete_url=f"{delete}?{filters}",
    )
