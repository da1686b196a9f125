"""The actions of the list, and the same as buttons on a row's page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from taskhub.admin.actions import Doing
from taskhub.admin.periodic_tasks.actions import VERBS
from taskhub.models import PeriodicTask


class Operating(Doing):
    """What can be done to the rows that are selected, and to one on its page."""

    verbs = VERBS

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
