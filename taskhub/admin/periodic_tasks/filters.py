"""The filters of the list of periodic tasks."""

from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from taskhub.admin import schedule_words as words
from taskhub.admin.neighbours import rows_of
from taskhub.admin.periodic_tasks.recent_results import last_id
from taskhub.foundation.values import is_storable_text
from taskhub.models import PeriodicTask, Status, TaskResult, TaskResultQuerySet

Rows = QuerySet[PeriodicTask]

#: The filter by last run looks at this many rows, those that ran most recently.
_MAX_ROWS_BY_LAST_RUN = 10_000


class KindFilter(SimpleListFilter):
    """By the kind of schedule, which is the first word of its text."""

    title = _("kind of schedule")
    parameter_name = "kind"

    def lookups(
        self, request: HttpRequest, model_admin: "ModelAdmin[Any]"
    ) -> list[tuple[str, Any]]:
        return list(words.KINDS.items())

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() not in words.KINDS:
            return queryset
        # A look-up of the field itself accepts only complete schedules.
        text = Cast("schedule", CharField(max_length=255))
        return queryset.alias(text=text).filter(text__startswith=f"{self.value()} ")


class StateFilter(SimpleListFilter):
    """By whether a row is enabled, is disabled, or has disabled itself."""

    title = _("state")
    parameter_name = "state"

    _conditions: ClassVar[dict[Any, Any]] = {
        "enabled": (_("Enabled"), Q(enabled=True)),
        "disabled": (_("Disabled"), Q(enabled=False)),
        "disabled_itself": (
            _("Disabled by itself"),
            Q(enabled=False) & ~Q(disabled_reason=""),
        ),
    }

    def lookups(
        self, request: HttpRequest, model_admin: "ModelAdmin[Any]"
    ) -> list[tuple[str, Any]]:
        return [(value, title) for value, (title, _q) in self._conditions.items()]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        _title, condition = self._conditions.get(self.value(), ("", Q()))
        return queryset.filter(condition)


class TaskFilter(SimpleListFilter):
    """By task. The choices are the tasks of all rows that the user may see."""

    title = _("task")
    parameter_name = "task"

    def lookups(
        self, request: HttpRequest, model_admin: "ModelAdmin[Any]"
    ) -> list[tuple[str, Any]]:
        rows = model_admin.get_queryset(request)
        paths = rows.order_by("task_path").distinct()
        return [(each, each) for each in paths.values_list("task_path", flat=True)]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        value = self.value() or ""
        if not is_storable_text(value):
            return queryset.none()
        return queryset.filter(task_path=value) if value else queryset


class EndedFilter(SimpleListFilter):
    """By the status of the last run, among the rows that ran most recently."""

    title = _("last run")
    parameter_name = "ended"

    _outcomes: ClassVar[dict[Any, Any]] = {
        "unfinished": (_("Unfinished"), TaskResultQuerySet.unfinished),
        Status.SUCCESSFUL: (Status.SUCCESSFUL.label, TaskResultQuerySet.successful),
        Status.FAILED: (Status.FAILED.label, TaskResultQuerySet.failed),
        Status.CANCELLED: (Status.CANCELLED.label, TaskResultQuerySet.cancelled),
    }

    def lookups(
        self, request: HttpRequest, model_admin: "ModelAdmin[Any]"
    ) -> list[tuple[str, Any]]:
        self._results = rows_of(model_admin.admin_site, request, TaskResult)
        return [(value, title) for value, (title, _narrow) in self._outcomes.items()]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() not in self._outcomes:
            return queryset
        rows = queryset.filter(last_run_at__isnull=False)
        newest = rows.order_by("-last_run_at").values_list("pk", "recent_ids")
        by_result = {
            result_id: pk
            for pk, ids in newest[:_MAX_ROWS_BY_LAST_RUN]
            if (result_id := last_id(ids))
        }
        _title, narrow = self._outcomes[self.value()]
        found = narrow(self._results.filter(pk__in=by_result))
        keys = [by_result[pk] for pk in found.values_list("pk", flat=True)]
        return queryset.filter(pk__in=keys)
