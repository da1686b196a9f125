"""The pages of task results."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub import operations
from taskhub.admin import markup
from taskhub.admin.filters import (
    EnqueuedFilter,
    PeriodicTaskFilter,
    QueueFilter,
    StatusFilter,
    TaskFilter,
)
from taskhub.admin.paging import MOST_COUNTED, BoundedPaginator
from taskhub.exceptions import BrokerError
from taskhub.models import Status, TaskResult, TaskResultQuerySet
from taskhub.operations.searching import SEARCHED_ROWS, search

#: What the list shows; arguments and outcomes may be large, and stay in the table.
_LISTED = [
    "id",
    "task_path",
    "queue_name",
    "status",
    "attempts",
    "enqueued_at",
    "run_after",
    "started_at",
    "finished_at",
]


@admin.register(TaskResult)
class TaskResultAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only but for delete; as fast with a million rows as with a hundred."""

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
        "of the arguments (in the newest %(rows)s)."
    ) % {"rows": f"{SEARCHED_ROWS:,}"}
    actions = ("delete_selected",)

    class Media:
        css: ClassVar = {"all": ("taskhub/admin.css",)}

    # What one may do.

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> bool:
        return False

    # What is read.

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskResult]:
        queryset = super().get_queryset(request)
        match = request.resolver_match
        if match and match.url_name == "taskhub_taskresult_changelist":
            return queryset.only(*_LISTED)
        return queryset

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return search(queryset, search_term), False

    # How it is shown.

    def get_fieldsets(
        self, request: HttpRequest, obj: TaskResult | None = None
    ) -> list[tuple[Any, Any]]:
        """Leave out what there is nothing of."""
        shown: list[tuple[Any, list[Any]]] = [
            (None, [("badge", "task"), ("queue_name", "priority", "attempts")]),
            (gettext_lazy("Outcome"), self._outcome_fields(obj)),
            (gettext_lazy("Arguments"), ["shown_args", "shown_kwargs"]),
            (gettext_lazy("Times"), ["timeline", ("waited", "ran")]),
            (gettext_lazy("Origin"), self._origin_fields(obj)),
        ]
        return [(title, {"fields": names}) for title, names in shown if names]

    def _origin_fields(self, row: TaskResult | None) -> list[Any]:
        fields: list[Any] = ["id", ("backend", "workers"), "shown_meta"]
        if row is not None and row.periodic_task_id is not None:
            fields.insert(1, ("schedule", "tick"))
        return fields

    def _outcome_fields(self, row: TaskResult | None) -> list[str]:
        if row is None:
            return []
        there = {
            "shown_errors": row.errors,
            "shown_return_value": row.status == Status.SUCCESSFUL,
            "shown_notes": row.storage_notes,
            "shown_progress": row.progress,
        }
        return [name for name, is_there in there.items() if is_there]

    @admin.display(description=gettext_lazy("task"))
    def task(self, row: TaskResult) -> SafeString:
        return markup.short_path(row.task_path)

    @admin.display(description=gettext_lazy("status"))
    def badge(self, row: TaskResult) -> SafeString:
        return markup.badge(row.status)

    @admin.display(description=gettext_lazy("enqueued"), ordering="id")
    def enqueued(self, row: TaskResult) -> SafeString:
        return markup.moment(row.enqueued_at)

    @admin.display(description=gettext_lazy("waited"))
    def waited(self, row: TaskResult) -> str:
        return markup.duration(row.waited)

    @admin.display(description=gettext_lazy("ran"))
    def ran(self, row: TaskResult) -> str:
        return markup.duration(row.ran)

    @admin.display(description=gettext_lazy("positional"))
    def shown_args(self, row: TaskResult) -> SafeString:
        return markup.pretty_json(row.args)

    @admin.display(description=gettext_lazy("by keyword"))
    def shown_kwargs(self, row: TaskResult) -> SafeString:
        return markup.pretty_json(row.kwargs)

    @admin.display(description=gettext_lazy("return value"))
    def shown_return_value(self, row: TaskResult) -> SafeString:
        return markup.pretty_json(row.return_value)

    @admin.display(description=gettext_lazy("errors"))
    def shown_errors(self, row: TaskResult) -> SafeString:
        return markup.failures(row.errors)

    @admin.display(description=gettext_lazy("progress"))
    def shown_progress(self, row: TaskResult) -> SafeString:
        return markup.progress(row.progress or {})

    @admin.display(description=gettext_lazy("stored"))
    def shown_notes(self, row: TaskResult) -> str:
        notes: dict[str, str] = row.storage_notes
        sentences = [
            _("Escaped: %s.") % notes["escaped"] if "escaped" in notes else "",
            notes.get("truncated", ""),
        ]
        return " ".join(filter(None, sentences))

    @admin.display(description=gettext_lazy("in order"))
    def timeline(self, row: TaskResult) -> SafeString:
        return markup.timeline(
            [
                (_("Enqueued"), row.enqueued_at),
                (_("To be run after"), row.run_after),
                (_("Started"), row.started_at),
                (
                    _("Last attempted"),
                    row.last_attempted_at if row.attempts > 1 else None,
                ),
                (_("Finished"), row.finished_at),
                (_("Expires"), row.expires_at),
            ]
        )

    @admin.display(description=gettext_lazy("periodic task"))
    def schedule(self, row: TaskResult) -> SafeString:
        url = reverse("admin:taskhub_periodictask_change", args=[row.periodic_task_id])
        return format_html('<a href="{}">{}</a>', url, row.periodic_task)

    @admin.display(description=gettext_lazy("for its run of"))
    def tick(self, row: TaskResult) -> SafeString | str:
        if row.tick_at is None:
            return _("none: it was asked for by hand")
        return markup.moment(row.tick_at)

    @admin.display(description=gettext_lazy("workers"))
    def workers(self, row: TaskResult) -> str:
        return ", ".join(row.worker_ids) or markup.NOTHING

    @admin.display(description=gettext_lazy("meta"))
    def shown_meta(self, row: TaskResult) -> SafeString:
        return markup.pretty_json(row.meta)

    # How it is deleted.

    @admin.action(
        permissions=["delete"],
        description=gettext_lazy("Delete selected %(verbose_name_plural)s"),
    )
    def delete_selected(
        self, request: HttpRequest, queryset: TaskResultQuerySet
    ) -> HttpResponseBase | None:
        """Delete what is selected, unless it is more than a page can confirm."""
        if BoundedPaginator(queryset, self.list_per_page).count > MOST_COUNTED:
            self.message_user(
                request,
                _("At most %d results are deleted at a time; narrow the selection.")
                % MOST_COUNTED,
                messages.ERROR,
            )
            return None
        return delete_selected(self, request, queryset)

    def delete_model(self, request: HttpRequest, obj: TaskResult) -> None:
        self.delete_queryset(request, TaskResult.objects.filter(pk=obj.pk))

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[TaskResult]
    ) -> None:
        try:
            forgotten = operations.forget(
                TaskResultQuerySet(TaskResult, using=queryset.db).filter(
                    pk__in=queryset.order_by().values("pk")
                )
            )
        except BrokerError as error:
            self.message_user(
                request, _("Not all are deleted: %s") % error, messages.ERROR
            )
            return
        self._tell_consequences(request, forgotten)

    def _tell_consequences(
        self, request: HttpRequest, forgotten: operations.Forgotten
    ) -> None:
        if count := forgotten.cancelled:
            text = ngettext(
                "%d of them was waiting; it will not be run.",
                "%d of them were waiting; they will not be run.",
                count,
            )
            self.message_user(request, text % count, messages.INFO)
        if count := forgotten.running:
            text = ngettext(
                "%d of them is running; what comes of it is not recorded.",
                "%d of them are running; what comes of them is not recorded.",
                count,
            )
            self.message_user(request, text % count, messages.WARNING)
