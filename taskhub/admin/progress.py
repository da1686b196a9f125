"""A row's page follows what it shows, until that is over."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from taskhub.admin.addresses import address
from taskhub.operations.results.progress import describe_missing

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


class Live(_Admin):
    """The answers that progress.js asks for."""

    def tell(self, row: Any) -> dict[str, Any]:
        """
        Return how far a row is; see operations.results.progress.

        `state` differs as soon as its page has something new to show.
        """
        raise NotImplementedError

    def following(self, row: Any) -> dict[str, Any]:
        """Return what the page's progress bar is made of."""
        url = address(self.admin_site, self._live, row.pk)
        return {"url": url, **self.tell(row)}

    @property
    def _live(self) -> str:
        return f"{self.opts.model_name}_live"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.live_view)
        url = path("<path:object_id>/live/", view, name=f"taskhub_{self._live}")
        return [url, *super().get_urls()]

    @method_decorator([require_safe, never_cache])
    def live_view(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """Answer how far a row is, and whether there is more to show."""
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None and "seen" not in request.GET:
            raise Http404
        if row is None:
            return JsonResponse(describe_missing(was_there=True))
        return JsonResponse(self.tell(row))
