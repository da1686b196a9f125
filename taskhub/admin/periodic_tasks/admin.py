"""The admin of periodic tasks."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin.actions import buttons, is_allowed, menu_entry
from taskhub.admin.changelist import BoundedChangeList
from taskhub.admin.model_admin import TaskHubModelAdmin
from taskhub.admin.neighbours import rows_of
from taskhub.admin.periodic_tasks import filters
from taskhub.admin.periodic_tasks.actions import ACTIONS, BACKFILL
from taskhub.admin.periodic_tasks.display import fields, runs
from taskhub.admin.periodic_tasks.display.fieldsets import (
    READ_ONLY,
    Fieldsets,
    fieldsets_of,
)
from taskhub.admin.periodic_tasks.forms import PeriodicTaskForm, SwitchForm
from taskhub.admin.periodic_tasks.recent_results import recent_results
from taskhub.admin.periodic_tasks.views.backfill import (
    backfill_selected,
    backfill_url,
    backfill_view,
)
from taskhub.admin.periodic_tasks.views.preview import preview_view
from taskhub.admin.permissions import has_perm
from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import Unreadable


class PeriodicTaskList(BoundedChangeList):
    """A page of the list, with the last results of each row."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the rows and, with one query, their last results."""
        # Arguments may be large, and are not shown.
        self.queryset = self.queryset.defer("args", "kwargs")
        super().get_results(request)
        results = rows_of(self.model_admin.admin_site, request, TaskResult)
        found = recent_results(self.result_list, results)
        for row in self.result_list:
            row.recent_results = found[row.pk]


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(TaskHubModelAdmin):
    """
    A form that shows the next runs while the user types.

    Rows that are declared in code can only be enabled and disabled here.
    """

    form = PeriodicTaskForm
    row_actions = ACTIONS
    list_display = (
        fields.named,
        fields.in_words,
        "enabled",
        fields.next_run,
        "last_runs",
    )
    list_filter = (
        filters.StateFilter,
        filters.EndedFilter,
        filters.KindFilter,
        filters.TaskFilter,
    )
    search_fields = ("name", "task_path", "description")
    ordering = ("name",)
    actions = (
        *(menu_entry(ACTIONS[name]) for name in ("enable", "disable", "run", "skip")),
        backfill_selected,
        "delete_selected",
    )
    change_form_template = "admin/taskhub/periodictask/change_form.html"

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/periodic.css")
        }
        js: ClassVar = ("taskhub/periodic.js",)

    has_run_permission = has_perm("run_periodictask")

    def has_delete_permission(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> bool:
        # The next deploy would create a row that is declared in code again.
        if obj is not None and obj.from_code:
            return False
        return super().has_delete_permission(request, obj)

    def _is_locked(self, request: HttpRequest, row: PeriodicTask | None) -> bool:
        if row is None:
            return False
        return row.from_code or not self.has_change_permission(request, row)

    def get_urls(self) -> list[Any]:
        return [
            self.view_path("preview/", preview_view, "preview"),
            self.view_path("backfill/", backfill_view, "backfill"),
            *super().get_urls(),
        ]

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return PeriodicTaskList

    def get_fieldsets(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> Fieldsets:
        return fieldsets_of(obj, locked=self._is_locked(request, obj))

    def get_readonly_fields(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> tuple[Any, ...]:
        if not self._is_locked(request, obj):
            return READ_ONLY
        shown = admin.utils.flatten_fieldsets(self.get_fieldsets(request, obj))
        return tuple(field for field in shown if field != "enabled")

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
                "buttons": self._buttons(request, row),
            }
        return super().render_change_form(request, context, *args, **options)

    def _buttons(self, request: HttpRequest, row: PeriodicTask) -> list[dict[str, Any]]:
        shown = buttons(self, request, row)
        if is_allowed(self, request, BACKFILL.permission, row):
            url = backfill_url(self, request, [row.pk])
            label = _("Backfill past runs…")
            shown.append({"name": BACKFILL.name, "label": label, "link": url})
        return shown

    def save_model(
        self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool
    ) -> None:
        """Save only the edited columns: the beat may have written others meanwhile."""
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

    @admin.action(
        permissions=["delete"],
        description=gettext_lazy("Delete selected %(verbose_name_plural)s"),
    )
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[PeriodicTask]
    ) -> HttpResponseBase | None:
        """Delete the selected rows, unless some of them are declared in code."""
        declared = queryset.filter(from_code=True).values_list("name", flat=True)
        if names := list(declared[:5]):
            text = _("Declared in code; remove them from the code instead: %s.")
            self.message_user(request, text % ", ".join(names), messages.ERROR)
            return None
        return delete_selected(self, request, queryset)

    @admin.display(description=gettext_lazy("last runs"), ordering="last_run_at")
    def last_runs(self, row: PeriodicTask) -> SafeString:
        return runs.last_runs(self.admin_site, row)

    @admin.display(description=gettext_lazy("last run"))
    def last_run(self, row: PeriodicTask) -> SafeString:
        return runs.last_run(self.admin_site, row)

    @admin.display(description=gettext_lazy("runs"))
    def run_count(self, row: PeriodicTask) -> SafeString:
        return runs.number_of_runs(self.admin_site, row)

    @admin.display(description=gettext_lazy("next runs"))
    def preview(self, row: PeriodicTask) -> SafeString:
        return runs.next_runs(self.admin_site, row)
