"""The admin of results."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from taskhub import operations
from taskhub.admin.actions import buttons
from taskhub.admin.addresses import address, row_address, with_filters
from taskhub.admin.changelist import BoundedChangeList
from taskhub.admin.display import status_label
from taskhub.admin.model_admin import ReadOnlyModelAdmin
from taskhub.admin.neighbours import rows_of
from taskhub.admin.permissions import has_perm
from taskhub.admin.progress import progress_bar, progress_view
from taskhub.admin.results.actions import ACTIONS
from taskhub.admin.results.display import fields, relatives
from taskhub.admin.results.display.fieldsets import Fieldsets, fieldsets_of
from taskhub.admin.results.display.lingering import (
    add_lingering,
    lingering_place,
    with_lingering,
)
from taskhub.admin.results.filters import (
    CauseFilter,
    EnqueuedFilter,
    ParentFilter,
    PeriodicTaskFilter,
    QueueFilter,
    StatusFilter,
    TaskFilter,
)
from taskhub.admin.results.forms import Kind
from taskhub.admin.results.selection import filters_of
from taskhub.admin.results.views.bulk import bulk_view, menu_entry
from taskhub.admin.results.views.enqueue import (
    again_view,
    enqueue_view,
    may_retry_with_other_arguments,
)
from taskhub.admin.results.views.export import export_view
from taskhub.admin.results.views.failures import failures_view
from taskhub.exceptions import BrokerError
from taskhub.models import BulkAction, TaskLog, TaskResult
from taskhub.operations.results.bulk import bulk_actions_of
from taskhub.operations.results.progress import describe_progress
from taskhub.operations.results.search import MAX_TEXT_ROWS, search

#: The columns that a page reads, by the name of its URL. The others may be large.
_COLUMNS = {
    "taskhub_taskresult_changelist": (
        "id",
        "task_path",
        "queue_name",
        "status",
        "attempts",
        "enqueued_at",
        "run_after",
        "started_at",
        "last_attempted_at",
        "finished_at",
        "progress",
    ),
    # progress.js requests this page every second.
    "taskhub_taskresult_live": (
        "id",
        "status",
        "attempts",
        "run_after",
        "errors",
        "progress",
    ),
}


class ResultList(BoundedChangeList):
    """A page of the list, with the lingering runs of its results."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the results and, with one query, their lingering runs."""
        super().get_results(request)
        add_lingering(self.result_list)


@admin.register(TaskResult)
class TaskResultAdmin(ReadOnlyModelAdmin):
    """Results are changed by actions only. Pages are fast with millions of rows."""

    may_delete = True
    row_actions = ACTIONS
    actions = (
        menu_entry(Kind.RETRY, gettext_lazy("Retry the selected…")),
        menu_entry(Kind.CANCEL, gettext_lazy("Cancel the selected…")),
        menu_entry(Kind.DELETE, gettext_lazy("Delete the selected…")),
    )
    list_display = (
        fields.task,
        fields.status,
        "queue_name",
        "attempts",
        fields.enqueued,
        fields.waited,
        fields.ran,
    )
    list_filter = (
        StatusFilter,
        TaskFilter,
        QueueFilter,
        EnqueuedFilter,
        PeriodicTaskFilter,
        CauseFilter,
        ParentFilter,
    )
    # The other columns have no index.
    sortable_by: ClassVar[Any] = (fields.enqueued,)
    ordering = ("-id",)
    search_fields = ("id",)
    search_help_text = gettext_lazy(
        "An id, a part of a task's name, name=value for a keyword argument, or a part "
        'of the arguments or errors, also "in quotes" (in the newest %(rows)s).'
    ) % {"rows": f"{MAX_TEXT_ROWS:,}"}
    change_list_template = "admin/taskhub/taskresult/change_list.html"
    change_form_template = "admin/taskhub/taskresult/change_form.html"
    object_history_template = "admin/taskhub/taskresult/object_history.html"

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/results.css")
        }
        js: ClassVar = ("taskhub/progress.js", "taskhub/result.js")

    has_retry_permission = has_perm("retry_taskresult")
    has_cancel_permission = has_perm("cancel_taskresult")
    has_enqueue_permission = has_perm("enqueue_taskresult")
    has_export_permission = has_perm("export_taskresult")

    def get_urls(self) -> list[Any]:
        live = "<path:object_id>/live/"
        return [
            self.view_path("bulk/<slug:kind>/", bulk_view, "bulk"),
            self.view_path("failures/", failures_view, "failures"),
            self.view_path("export/<slug:kind>/", export_view, "export", require_POST),
            self.view_path("enqueue/", enqueue_view, "enqueue"),
            self.view_path("<path:object_id>/again/", again_view, "again"),
            self.view_path(live, progress_view, "live", never_cache, require_safe),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context = {
            "filters": filters_of(request.GET),
            "may_enqueue": self.has_enqueue_permission(request),
            "may_export": self.has_export_permission(request),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return ResultList

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskResult]:
        queryset = super().get_queryset(request)
        match = request.resolver_match
        columns = _COLUMNS.get(match.url_name or "") if match else None
        return queryset.only(*columns) if columns else queryset

    def search(
        self, request: HttpRequest, queryset: Any, text: str
    ) -> tuple[Any, bool]:
        return search(queryset, text), False

    def progress_of(self, row: TaskResult) -> dict[str, Any]:
        logged = TaskLog.objects.filter(result_id=row.pk).count()
        state = f"{row.status}-{row.attempts}-{len(row.errors)}-{logged}"
        progress = describe_progress(row)
        progress |= {"label": status_label(row), "state": state}
        return with_lingering(row, progress)

    def get_fieldsets(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> Fieldsets:
        rows: Any = self.get_queryset(request)
        if obj is not None and not hasattr(obj, "shown_children"):
            relatives.add_children(obj, rows)
        return fieldsets_of(obj)

    def get_readonly_fields(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> list[Any]:
        return admin.utils.flatten_fieldsets(self.get_fieldsets(request, obj))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        row = options.get("obj")
        if row is not None:
            context |= {
                "buttons": self._buttons(request, row),
                "progress": progress_bar(self, row),
            }
        return super().render_change_form(request, context, *args, **options)

    def _buttons(self, request: HttpRequest, row: TaskResult) -> list[dict[str, Any]]:
        shown = buttons(self, request, row)
        if may_retry_with_other_arguments(self, request, row):
            url = address(self.admin_site, "taskresult_again", row.pk)
            link = with_filters(self, request, url)
            label = _("Retry with other arguments…")
            shown.append({"name": "again", "label": label, "link": link})
        return shown

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Add the bulk actions, which have no log entry for each result."""
        row = self.get_object(request, unquote(object_id))
        shown = rows_of(self.admin_site, request, BulkAction)
        # Django's view checks that the row exists and that the user may see it.
        bulk_actions = [] if row is None else bulk_actions_of(row, shown)
        context = {
            "bulk_actions": [
                {"action": action, "url": row_address(self.admin_site, action)}
                for action in bulk_actions
            ],
            **(extra_context or {}),
        }
        return super().history_view(request, object_id, context)

    def delete_model(self, request: HttpRequest, obj: TaskResult) -> None:
        """Remove the message of a result from the broker, and delete the result."""
        try:
            deleted = operations.results.delete(TaskResult.writing.filter(pk=obj.pk))
        except BrokerError as error:
            text = _("The result was not deleted: %s") % error
            self.message_user(request, text, messages.ERROR)
            return
        if deleted.kept:
            text = _("The result was not deleted: %s") % deleted.reason
            self.message_user(request, text, messages.ERROR)
            return
        if deleted.cancelled:
            text = _("The waiting task will not run.")
            self.message_user(request, text, messages.INFO)
        if deleted.running:
            text = _("The task is running; its outcome is not recorded.")
            self.message_user(request, text, messages.WARNING)

    @admin.display(description=gettext_lazy("still run by"))
    def still_run_by(self, row: TaskResult) -> SafeString:
        return lingering_place(self.admin_site, row)

    @admin.display(description=gettext_lazy("periodic task"))
    def schedule(self, row: TaskResult) -> SafeString:
        return relatives.periodic_task(self.admin_site, row)

    @admin.display(description=gettext_lazy("parent"))
    def parent(self, row: TaskResult) -> SafeString | str:
        return relatives.link_to(self.admin_site, row.parent_id)

    @admin.display(description=gettext_lazy("last results"))
    def children(self, row: TaskResult) -> SafeString:
        return relatives.children(self.admin_site, row)

    @admin.display(description=gettext_lazy("instead of"))
    def instead_of(self, row: TaskResult) -> SafeString | str:
        return relatives.link_to(self.admin_site, row.meta.get("instead_of"))
