"""The actions of the list, and the same as buttons on a row's page."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from taskhub.admin.periodic.verbs import VERBS, Done, Verb
from taskhub.exceptions import TaskHubError
from taskhub.models import PeriodicTask

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[PeriodicTask]
else:
    _Admin = object

#: So many rows are told of one by one.
_TOLD = 20


class Operating(_Admin):
    """Does what operators ask for, row by row, and writes it into the history."""

    actions: Any = (
        "enable_selected",
        "disable_selected",
        "run_selected",
        "skip_selected",
    )

    def has_run_permission(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> bool:
        """Whether somebody may run periodic tasks now, and backfill them."""
        return request.user.has_perm("taskhub.run_periodictask")

    # On the list.

    @admin.action(
        permissions=["change"], description=gettext_lazy("Enable the selected")
    )
    def enable_selected(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self.do(request, rows, VERBS["enable"].do)

    @admin.action(
        permissions=["change"], description=gettext_lazy("Disable the selected")
    )
    def disable_selected(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self.do(request, rows, VERBS["disable"].do)

    @admin.action(permissions=["run"], description=gettext_lazy("Run the selected now"))
    def run_selected(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self.do(request, rows, VERBS["run"].do)

    @admin.action(
        permissions=["change"],
        description=gettext_lazy("Skip the next run of the selected"),
    )
    def skip_selected(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self.do(request, rows, VERBS["skip"].do)

    def do(
        self,
        request: HttpRequest,
        rows: Iterable[PeriodicTask],
        do: Callable[[PeriodicTask], Done],
    ) -> None:
        """Do something to rows, each on its own: what one refuses, others may do."""
        told = 0
        for row in rows:
            try:
                done = do(row)
            except (TaskHubError, PeriodicTask.DoesNotExist) as error:
                done = Done(f"“{row.name}”: {error}", level=messages.ERROR)
            if done.logged:
                self.log_change(request, row, done.logged)
            told += 1
            if told <= _TOLD or done.level >= messages.WARNING:
                self.message_user(request, done.said, done.level)
        if told > _TOLD:
            self.message_user(request, _("%d rows were dealt with.") % told)

    # On a row's page.

    def buttons(self, request: HttpRequest, row: PeriodicTask) -> list[dict[str, Any]]:
        """Return the buttons that somebody sees on a row's page."""
        return [
            {
                "name": verb.name,
                "label": verb.label,
                "url": reverse(
                    "admin:taskhub_periodictask_do", args=[row.pk, verb.name]
                ),
            }
            for verb in VERBS.values()
            if verb.suits(row) and self._may(request, verb, row)
        ]

    def _may(self, request: HttpRequest, verb: Verb, row: PeriodicTask) -> bool:
        ask: Any = getattr(self, f"has_{verb.permission}_permission")
        return bool(ask(request, row)) and self.has_view_permission(request, row)

    def get_urls(self) -> list[Any]:
        return [self._do_url(), *super().get_urls()]

    def _do_url(self) -> URLPattern:
        return path(
            "<path:object_id>/do/<slug:name>/",
            self.admin_site.admin_view(self.do_view),
            name="taskhub_periodictask_do",
        )

    @method_decorator(require_POST)
    def do_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Do what a button says."""
        row = self.get_object(request, unquote(object_id))
        if row is None or name not in VERBS:
            raise Http404
        if not self._may(request, VERBS[name], row):
            raise PermissionDenied
        self.do(request, [row], VERBS[name].do)
        return redirect("admin:taskhub_periodictask_change", row.pk)
