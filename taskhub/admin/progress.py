"""The progress bar of a row's page."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse

from taskhub.admin.addresses import address
from taskhub.operations.results.progress import describe_missing


def progress_bar(model_admin: Any, row: Any) -> dict[str, Any]:
    """Return the variable `progress` of the template taskhub/progress.html."""
    url = address(model_admin.admin_site, f"{model_admin.opts.model_name}_live", row.pk)
    return {"url": url, **model_admin.progress_of(row)}


def progress_view(
    model_admin: Any, request: HttpRequest, object_id: str
) -> JsonResponse:
    """
    Return the progress of a row as JSON, for progress.js.

    The admin's `progress_of()` returns the values that operations.results.progress
    describes, and `state`, a text that changes when the page has new content. Raise
    Http404 for a missing row, unless the parameter `seen` says that it existed before.
    """
    row = model_admin.get_object(request, unquote(object_id))
    if not model_admin.has_view_permission(request, row):
        raise PermissionDenied
    if row is None and "seen" not in request.GET:
        raise Http404
    if row is None:
        return JsonResponse(describe_missing(was_there=True))
    return JsonResponse(model_admin.progress_of(row))
