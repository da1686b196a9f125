"""The pages of task results."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.actions import Doing
from taskhub.admin.addresses import address, with_filters
from taskhub.admin.changelist import BoundedChangeList, Listed
from taskhub.admin.paginator import BoundedPaginator
from taskhub.admin.progress import Live
from taskhub.admin.results.actions import VERBS
from taskhub.admin.results.deleting import Deleting
from taskhub.admin.results.display import fieldsets as layout
from taskhub.admin.results.display.children import read_children
from taskhub.admin.results.display.fields import Columns, Fields
from taskhub.admin.results.display.lingering_runs import follow, note_lingering
from taskhub.admin.results.filters import (
    CauseFilter,
    EnqueuedFilter,
    ParentFilter,
    PeriodicTaskFilter,
    QueueFilter,
    StatusFilter,
    TaskFilter,
)
from taskhub.admin.results.history import History
from taskhub.admin.results.selection import filters_of
from taskhub.admin.results.views.enqueue import Enqueueing
from taskhub.admin.results.views.export import Exporting
from taskhub.admin.results.views.failures import Failures
from taskhub.models import TaskLog, TaskResult
from taskhub.operations.results.progress import describe_progress
from taskhub.operations.results.search import MAX_TEXT_ROWS, search

#: What is read for a page, by the name of its address; arguments and outcomes may be
#: large, and stay in the table.
_READ = {
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
    ),
    # Asked for every second.
    "taskhub_taskresult_live": ("id", "status", "attempts", "errors", "progress"),
}


class ResultList(BoundedChangeList):
    """A page of the list, with what of its rows a process still runs in vain."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the rows, and what still runs of them: once for the page."""
        super().get_results(request)
        note_lingering(self.result_list)


@admin.register(TaskResult)
class TaskResultAdmin(
    Columns,
    Fields,
    Failures,
    Enqueueing,
    Exporting,
    History,
    Live,
    Doing,
    Deleting,
    Listed,
    admin.ModelAdmin,  # type: ignore[type-arg]
):
    """What is done goes through operations; as fast with a million rows as with few."""

    verbs = VERBS
    list_display = (
        "task",
        "badge",
        "queue_name",
        "attempts",
        "enqueued",
        "waited",
        "ran",
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
    list_per_page = 50
    # Only what an index serves.
    sortable_by = ("enqueued",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("id",)
    search_help_text = gettext_lazy(
        "An id, a part of a task's name, name=value for a keyword argument, or a piece "
        'of the arguments or errors, also "in quotes" (in the newest %(rows)s).'
    ) % {"rows": f"{MAX_TEXT_ROWS:,}"}
    change_list_template = "admin/taskhub/taskresult/change_list.html"
    change_form_template = "admin/taskhub/taskresult/change_form.html"

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/results.css")
        }
        js: ClassVar = ("taskhub/progress.js", "taskhub/result.js")

    # The list.

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
        names = _READ.get(match.url_name or "") if match else None
        return queryset.only(*names) if names else queryset

    def search(
        self, request: HttpRequest, queryset: Any, text: str
    ) -> tuple[Any, bool]:
        return search(queryset, text), False

    # One result.

    def buttons(self, request: HttpRequest, row: TaskResult) -> list[dict[str, Any]]:
        """Return the buttons, and the link to the form for other arguments."""
        shown = super().buttons(request, row)
        if self.may_edit(request, row):
            label = _("Try again with other arguments…")
            url = address(self.admin_site, "taskresult_again", row.pk)
            link = with_filters(self, request, url)
            shown.append({"name": "again", "label": label, "link": link})
        return shown

    def tell(self, row: TaskResult) -> dict[str, Any]:
        logged = TaskLog.objects.filter(result_id=row.pk).count()
        state = f"{row.status}-{row.attempts}-{len(row.errors)}-{logged}"
        return follow(row, {**describe_progress(row), "state": state})

    def get_fieldsets(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> layout.Fieldsets:
        rows: Any = self.get_queryset(request)
        if obj is not None and not hasattr(obj, "shown_children"):
            read_children(obj, rows)
        return layout.fieldsets(obj)

    def get_readonly_fields(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> list[str]:
        return admin.utils.flatten_fieldsets(self.get_fieldsets(request, obj))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        row = options.get("obj")
        if row is not None:
            context |= {
                "buttons": self.buttons(request, row),
                "progress": self.following(row),
            }
        return super().render_change_form(request, context, *args, **options)
