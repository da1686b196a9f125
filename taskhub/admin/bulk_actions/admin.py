"""The admin of bulk actions, which the list of results starts."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from taskhub import operations
from taskhub.admin.actions import Action, Outcome, Values, buttons
from taskhub.admin.bulk_actions import display
from taskhub.admin.model_admin import ReadOnlyModelAdmin
from taskhub.admin.progress import progress_bar, progress_view
from taskhub.models import BulkAction, Node
from taskhub.operations.results.progress import describe_bulk_action


def _stop(bulk_action: BulkAction, values: Values, by: str) -> Outcome:
    if not operations.results.stop_bulk(bulk_action, by=by):
        return Outcome(
            _("The bulk action had already finished."), level=messages.WARNING
        )
    return Outcome(_("Stopped; what was done so far remains."), _("Stopped."))


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnlyModelAdmin):
    """Show the progress of bulk actions, with a button that stops one."""

    row_actions: ClassVar = {
        "stop": Action(
            "stop",
            gettext_lazy("Stop"),
            "stop",
            _stop,
            suits=lambda bulk_action: bulk_action.finished_at is None,
        )
    }
    list_display = (
        display.kind,
        display.progress,
        display.selection,
        display.requested_by,
        display.requested,
    )
    sortable_by: ClassVar[Any] = (display.requested,)
    actions = None
    fields: ClassVar[Any] = (
        display.kind,
        display.selection,
        ("per_second", "by_force"),
        (display.requested_by, display.requested),
        (display.done, "expected"),
        (display.finished, "stopped_by"),
    )
    readonly_fields = tuple(admin.utils.flatten(fields))
    change_form_template = "admin/taskhub/bulkaction/change_form.html"

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/results.css")
        }
        js: ClassVar = ("taskhub/progress.js", "taskhub/result.js")

    def has_view_permission(
        self, request: HttpRequest, obj: BulkAction | None = None
    ) -> bool:
        # Users who may see results may also see what is done to them.
        return super().has_view_permission(request, obj) or request.user.has_perm(
            "taskhub.view_taskresult"
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or self.has_view_permission(
            request
        )

    def has_stop_permission(
        self, request: HttpRequest, obj: BulkAction | None = None
    ) -> bool:
        """Return whether the user may start such a bulk action, and so may stop it."""
        return obj is not None and request.user.has_perm(
            f"taskhub.{obj.kind}_taskresult"
        )

    def get_urls(self) -> list[Any]:
        route = "<path:object_id>/live/"
        view = self.view_path(route, progress_view, "live", never_cache, require_safe)
        return [view, *super().get_urls()]

    def progress_of(self, row: BulkAction) -> dict[str, Any]:
        described = describe_bulk_action(row)
        return {**described, "state": f"{described['status']}"}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        row = options.get("obj")
        if row is not None:
            is_open = row.finished_at is None
            context |= {
                "buttons": buttons(self, request, row),
                "progress": progress_bar(self, row),
                "is_waiting_for_workers": is_open
                and not Node.objects.present().exists(),
            }
        return super().render_change_form(request, context, *args, **options)
