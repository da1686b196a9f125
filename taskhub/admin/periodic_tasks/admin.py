"""The pages of periodic tasks."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.changelist import BoundedChangeList, Listed
from taskhub.admin.neighbours import rows_of
from taskhub.admin.paginator import BoundedPaginator
from taskhub.admin.periodic_tasks import filters
from taskhub.admin.periodic_tasks.display import fieldsets as layout
from taskhub.admin.periodic_tasks.display.fields import Columns, Fields
from taskhub.admin.periodic_tasks.forms import PeriodicTaskForm, SwitchForm
from taskhub.admin.periodic_tasks.recent_results import recent_results
from taskhub.admin.periodic_tasks.views.backfill import Backfilling
from taskhub.admin.periodic_tasks.views.preview import (
    PreviewForm,
    preview,
    row_for_preview,
    times_of,
)
from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import Unreadable


class PeriodicTaskList(BoundedChangeList):
    """A page of the list, with the last results of all its rows."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the rows, and what they remember with one query."""
        # Arguments may be large, and are not shown.
        self.queryset = self.queryset.defer("args", "kwargs")
        super().get_results(request)
        results = rows_of(self.model_admin.admin_site, request, TaskResult)
        found = recent_results(self.result_list, results)
        for row in self.result_list:
            row.recent_results = found[row.pk]


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(
    Columns,
    Fields,
    Backfilling,
    Listed,
    admin.ModelAdmin,  # type: ignore[type-arg]
):
    """
    Schedules as people think of them, checked while they type.

    Rows that are declared in the code can be switched on and off here, and no more.
    """

    form = PeriodicTaskForm
    list_display = (
        "named",
        "in_words",
        "enabled",
        "next_run",
        "last_runs",
    )
    list_filter = (
        filters.StateFilter,
        filters.EndedFilter,
        filters.KindFilter,
        filters.TaskFilter,
    )
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("name", "task_path", "description")
    ordering = ("name",)
    actions = (*Backfilling.actions, "delete_selected")
    change_form_template = "admin/taskhub/periodictask/change_form.html"

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/periodic.css")
        }
        js: ClassVar = ("taskhub/periodic.js",)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.preview_view)
        return [
            path("preview/", view, name="taskhub_periodictask_preview"),
            *super().get_urls(),
        ]

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return PeriodicTaskList

    # What one may do.

    def has_delete_permission(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> bool:
        # It would be back with the next deploy.
        if obj is not None and obj.from_code:
            return False
        return super().has_delete_permission(request, obj)

    def _is_locked(self, request: HttpRequest, row: PeriodicTask | None) -> bool:
        if row is None:
            return False
        return row.from_code or not self.has_change_permission(request, row)

    # The form.

    def get_fieldsets(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> layout.Fieldsets:
        return layout.fieldsets(obj, locked=self._is_locked(request, obj))

    def get_readonly_fields(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> tuple[str, ...]:
        if not self._is_locked(request, obj):
            return layout.READ_ONLY
        shown = admin.utils.flatten_fieldsets(self.get_fieldsets(request, obj))
        return tuple(name for name in shown if name != "enabled")

    def get_form(
        self,
        request: HttpRequest,
        obj: PeriodicTask | None = None,
        change: bool = False,
        **options: Any,
    ) -> Any:
        if self._is_locked(request, obj):
            options["form"] = SwitchForm
        return super().get_form(request, obj, change, **options)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        row = options.get("obj")
        if row is not None:
            results = rows_of(self.admin_site, request, TaskResult)
            row.recent_results = recent_results([row], results)[row.pk]
            context |= {
                "row": row,
                "fault": (
                    row.schedule.reason if isinstance(row.schedule, Unreadable) else ""
                ),
                "buttons": self.buttons(request, row),
            }
        return super().render_change_form(request, context, *args, **options)

    def save_model(
        self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool
    ) -> None:
        """Save what was edited: the beat may have written the rest meanwhile."""
        wants_enabled = obj.enabled
        if change:
            names = {field.name for field in PeriodicTask._meta.concrete_fields}
            edited = names & form.fields.keys()
            if isinstance(form, PeriodicTaskForm):
                edited.add("schedule")
            obj.save(update_fields=edited)
        else:
            obj.save()
        if wants_enabled and not obj.enabled:
            text = _("It has disabled itself at once. %s") % obj.disabled_reason
            self.message_user(request, text, messages.WARNING)

    # The preview.

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        """Answer what the form would mean, for periodic.js."""
        may_see = self.has_view_or_change_permission(request)
        if not (may_see or self.has_add_permission(request)):
            raise PermissionDenied
        pk = request.GET.get("row", "") if may_see else ""
        row = row_for_preview(pk, self.get_queryset(request))
        zone = request.GET.get("browser_zone", "")
        form = PreviewForm(request.GET, initial=times_of(row))
        return JsonResponse(preview(form, row, zone, timezone.now()))

    # How it is deleted.

    @admin.action(
        permissions=["delete"],
        description=gettext_lazy("Delete selected %(verbose_name_plural)s"),
    )
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[PeriodicTask]
    ) -> HttpResponseBase | None:
        """Delete what is selected, unless some of it is declared in the code."""
        declared = queryset.filter(from_code=True).values_list("name", flat=True)
        if names := list(declared[:5]):
            text = _("Declared in the code, and deleted by taking it out there: %s.")
            self.message_user(request, text % ", ".join(names), messages.ERROR)
            return None
        return delete_selected(self, request, queryset)
