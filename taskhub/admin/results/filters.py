"""The filters of the list; their choices come from settings and the task registry."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from taskhub.admin.forms.queue_select import queue_names
from taskhub.admin.lookups import read_key
from taskhub.admin.neighbours import rows_of
from taskhub.foundation.values import is_storable_text
from taskhub.models import PeriodicTask, Status, TaskResult, TaskResultQuerySet
from taskhub.operations.results.failures import name_cause
from taskhub.tasks import registered_tasks

Choices = Iterable[tuple[str, Any]]


class ResultFilter(SimpleListFilter):
    """Filter results by the chosen value."""

    #: A function that returns the rows of a model that the model's admin shows.
    rows_of: Callable[[type[Model]], Any]

    @abstractmethod
    def choose(self) -> Choices:
        """Return the choices as pairs: the value in the address, and its label."""

    @abstractmethod
    def narrow(self, results: TaskResultQuerySet, value: str) -> TaskResultQuerySet:
        """Return the results that match a value, which the user may have made up."""

    def lookups(
        self, request: HttpRequest, model_admin: "ModelAdmin[Any]"
    ) -> list[tuple[str, Any]]:
        self.rows_of = partial(rows_of, model_admin.admin_site, request)
        return list(self.choose())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if not value:
            return queryset
        # Databases refuse a NUL and surrogates even in a query.
        is_known = is_storable_text(value)
        return self.narrow(queryset, value) if is_known else queryset.none()


class StatusFilter(ResultFilter):
    """By status; "unfinished" means READY, RUNNING or ON_HOLD."""

    title = _("status")
    parameter_name = "status"

    def choose(self) -> Choices:
        return [("unfinished", _("Unfinished")), *Status.choices]

    def narrow(self, results: TaskResultQuerySet, value: str) -> TaskResultQuerySet:
        by_value = {
            "unfinished": results.unfinished,
            Status.READY: results.ready,
            Status.RUNNING: results.running,
            Status.ON_HOLD: results.on_hold,
            Status.SUCCESSFUL: results.successful,
            Status.FAILED: results.failed,
            Status.CANCELLED: results.cancelled,
        }
        return by_value.get(value, results.all)()


class TaskFilter(ResultFilter):
    """By registered task. Results of other tasks can be found by the search."""

    title = _("task")
    parameter_name = "task"

    def choose(self) -> Choices:
        return [(path, path) for path in registered_tasks()]

    def narrow(self, results: TaskResultQuerySet, value: str) -> TaskResultQuerySet:
        return results.for_task(value)


class QueueFilter(ResultFilter):
    """By queue in the settings."""

    title = _("queue")
    parameter_name = "queue"

    def choose(self) -> Choices:
        return [(name, name) for name in queue_names()]

    def narrow(self, results: TaskResultQuerySet, value: str) -> TaskResultQuerySet:
        return results.in_queue(value)


class PeriodicTaskFilter(ResultFilter):
    """By periodic task; shown only after a link from a periodic task's page."""

    title = _("periodic task")
    parameter_name = "periodic_task__id__exact"

    def choose(self) -> Choices:
        if (chosen := read_key(self.value() or "")) is None:
            return []
        rows = self.rows_of(PeriodicTask).filter(pk=chosen)
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]

    def narrow(self, results: TaskResultQuerySet, value: str) -> TaskResultQuerySet:
        chosen = read_key(value)
        return results if chosen is None else results.filter(periodic_task=chosen)


class CauseFilter(ResultFilter):
    """By the cause of failures; shown only after a link from the failures page."""

    title = _("cause")
    parameter_name = "cause"

    def choose(self) -> Choices:
        chosen = self.value() or ""
        if not chosen or not is_storable_text(chosen):
            return []
        return [(chosen, name_cause(chosen, self.rows_of(TaskResult)) or chosen)]

    def narrow(self, results: TaskResultQuerySet, value: str) -> TaskResultQuerySet:
        return results.failed().filter(cause=value)


class ParentFilter(ResultFilter):
    """By the result whose run enqueued them; shown only after a link from its page."""

    title = _("parent")
    parameter_name = "parent"

    def choose(self) -> Choices:
        chosen = self.value() or ""
        return [(chosen, chosen)] if chosen else []

    def narrow(self, results: TaskResultQuerySet, value: str) -> TaskResultQuerySet:
        try:
            return results.filter(parent_id=UUID(value))
        except ValueError:
            return results.none()


class EnqueuedFilter(ResultFilter):
    """By the time of enqueueing. The primary key is in this order, and is the index."""

    title = _("enqueued")
    parameter_name = "since"

    #: The label and the length of each value.
    spans: ClassVar = {
        "15m": (_("Last 15 minutes"), timedelta(minutes=15)),
        "1h": (_("Last hour"), timedelta(hours=1)),
        "24h": (_("Last 24 hours"), timedelta(hours=24)),
        "7d": (_("Last 7 days"), timedelta(days=7)),
        "30d": (_("Last 30 days"), timedelta(days=30)),
    }

    def choose(self) -> Choices:
        return [(value, title) for value, (title, _span) in self.spans.items()]

    def narrow(self, results: TaskResultQuerySet, value: str) -> TaskResultQuerySet:
        if value not in self.spans:
            return results
        _title, span = self.spans[value]
        return results.since(seconds=span.total_seconds())
