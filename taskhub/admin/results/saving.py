"""Saved filters on the list: pick one, keep the one at hand, delete one."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from taskhub.admin.addresses import address
from taskhub.admin.results.selecting import filters_of
from taskhub.exceptions import InvalidOption
from taskhub.models import SavedFilter, TaskResult
from taskhub.operations.saved_filters import delete_filter, filters_for, save_filter

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object


class Saving(_Admin):
    """Own filters are everybody's to keep who may see results; sharing one is not."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "filters/save/",
                wrap(self.save_filter_view),
                name="taskhub_taskresult_save_filter",
            ),
            path(
                "filters/<int:pk>/delete/",
                wrap(self.delete_filter_view),
                name="taskhub_taskresult_delete_filter",
            ),
            *super().get_urls(),
        ]

    def saved_filters(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return the filters that somebody can pick, as the list shows them."""
        chosen, site = filters_of(request.GET), self.admin_site
        results = address(site, "taskresult_changelist")
        return [
            {
                "row": row,
                "is_chosen": row.query == chosen,
                "url": f"{results}?{row.query}",
                "delete_url": address(site, "taskresult_delete_filter", row.pk)
                if self._may_delete_filter(request, row)
                else "",
            }
            for row in filters_for(request.user.get_username())
        ]

    def may_share_filters(self, request: HttpRequest) -> bool:
        """Whether somebody may keep filters for everybody."""
        return request.user.has_perm("taskhub.add_savedfilter")

    def _may_delete_filter(self, request: HttpRequest, row: SavedFilter) -> bool:
        is_own = row.owner == request.user.get_username()
        return is_own or request.user.has_perm("taskhub.delete_savedfilter")

    @method_decorator(require_POST)
    def save_filter_view(self, request: HttpRequest) -> HttpResponse:
        """Keep the filter at hand under a name."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        is_shared = "is_shared" in request.POST
        if is_shared and not self.may_share_filters(request):
            raise PermissionDenied
        query = filters_of(QueryDict(request.POST.get("query", "")))
        try:
            row: Any = save_filter(
                request.POST.get("name", ""),
                query,
                owner=request.user.get_username(),
                is_shared=is_shared,
            )
        except InvalidOption as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_addition(request, row, _("Saved."))
            self.message_user(request, _("The filter “%s” is saved.") % row)
        results = address(self.admin_site, "taskresult_changelist")
        return redirect(f"{results}?{query}")

    @method_decorator(require_POST)
    def delete_filter_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete a filter."""
        username = request.user.get_username()
        row: Any = filters_for(username).filter(pk=pk).first()
        if not self.has_view_permission(request):
            raise PermissionDenied
        if row is None:
            raise Http404
        if not self._may_delete_filter(request, row):
            raise PermissionDenied
        self.log_change(request, row, _("Deleted."))
        delete_filter(row)
        self.message_user(request, _("The filter “%s” is deleted.") % row)
        return redirect(address(self.admin_site, "taskresult_changelist"))
