"""A result's page follows what it shows, until that is finished."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from taskhub.models import TaskLog, TaskResult
from taskhub.operations.following import tell_progress

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object


def state_of(row: TaskResult) -> str:
    """Return what differs as soon as the page has something new to show."""
    logged = TaskLog.objects.filter(result_id=row.pk).count()
    return f"{row.status}-{row.attempts}-{len(row.errors)}-{logged}"


def following(row: TaskResult) -> dict[str, Any]:
    """Return what the page's progress bar is made of."""
    url = reverse("admin:taskhub_taskresult_live", args=[row.pk])
    return {"url": url, "state": state_of(row), **tell_progress(row)}


class Live(_Admin):
    """The answers that result.js asks for."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.live_view)
        url = path("<path:object_id>/live/", view, name="taskhub_taskresult_live")
        return [url, *super().get_urls()]

    @method_decorator([require_safe, never_cache])
    def live_view(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """Answer how far a result is, and whether there is more to show."""
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404
        return JsonResponse({**tell_progress(row), "state": state_of(row)})
