"""Deleting results: what waits is taken out of its broker first."""

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taskhub import operations
from taskhub.admin.paging import MOST_COUNTED, BoundedPaginator
from taskhub.exceptions import BrokerError
from taskhub.models import TaskResult, TaskResultQuerySet

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object


class Deleting(_Admin):
    """Deletes through operations, and tells what else that means."""

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
