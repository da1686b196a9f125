"""The history of a result: what was done to it by itself, and with others."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse

from taskhub.admin.addresses import row_address
from taskhub.admin.neighbours import rows_of
from taskhub.models import BulkAction, TaskResult
from taskhub.operations.results.bulk import bulk_actions_of

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object


class History(_Admin):
    """Django's own, and the bulk actions that have no entry for each result."""

    object_history_template = "admin/taskhub/taskresult/object_history.html"

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Django's own refuses who may not see it, and what there is not.
        row = self.get_object(request, unquote(object_id))
        context = {
            "bulk_actions": [] if row is None else self._bulk_actions(request, row),
            **(extra_context or {}),
        }
        return super().history_view(request, object_id, context)

    def _bulk_actions(
        self, request: HttpRequest, row: TaskResult
    ) -> list[dict[str, Any]]:
        shown = rows_of(self.admin_site, request, BulkAction)
        return [
            {"action": action, "url": row_address(self.admin_site, action)}
            for action in bulk_actions_of(row, shown)
        ]
