"""The overview's page, and what it asks for while it is open."""

from typing import Any, ClassVar

import msgspec
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.formats import time_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from taskhub.admin.addresses import address
from taskhub.admin.changelist import Listed
from taskhub.admin.model_admin import ReadOnly
from taskhub.admin.overview.content import read_overview
from taskhub.admin.responses import render
from taskhub.models import Node, PeriodicTask, TaskMetrics, TaskResult
from taskhub.operations.metrics.figures import RANGES

#: The parts of the page that are replaced while it is open, each with a template.
_PANELS = ("attention", "tiles", "tables", "nodes", "ticks")
#: The models whose pages the overview leads to, for whoever may see these.
_LINKED: dict[str, type[Model]] = {
    "taskresult": TaskResult,
    "node": Node,
    "periodictask": PeriodicTask,
}
_UPLOT = "taskhub/vendor/uplot-1.6.32"


@admin.register(TaskMetrics)
class TaskMetricsAdmin(ReadOnly, Listed, admin.ModelAdmin):  # type: ignore[type-arg]
    """Has one page, where others have a list: its rows are for nobody."""

    class Media:
        css: ClassVar = {
            "all": (
                f"{_UPLOT}/uPlot.min.css",
                "taskhub/admin.css",
                "taskhub/parts.css",
                "taskhub/overview.css",
            )
        }
        js: ClassVar = (
            f"{_UPLOT}/uPlot.iife.min.js",
            "taskhub/charts.js",
            "taskhub/live.js",
            "taskhub/overview.js",
        )

    # What one may do.

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    # The pages.

    def get_urls(self) -> list[Any]:
        return [
            path(
                "",
                self.admin_site.admin_view(self.changelist_view),
                name="taskhub_taskmetrics_changelist",
            ),
            path(
                "live/",
                self.admin_site.admin_view(self.live_view),
                name="taskhub_taskmetrics_live",
            ),
        ]

    @method_decorator(never_cache)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the overview of a range."""
        self._check(request)
        shown = self._shown(request)
        live = address(self.admin_site, "taskmetrics_live")
        context = {
            **shown,
            **(extra_context or {}),
            "title": _("Overview"),
            # For the breadcrumbs of Django's own list.
            "cl": {"opts": self.opts},
            "actions_on_top": True,
            "ranges": list(RANGES),
            "zone": timezone.get_current_timezone_name(),
            "live_url": f"{live}?{urlencode({'range': shown['range']})}",
            "drawn": _drawn(shown),
        }
        return render(self, request, "admin/taskhub/overview/page.html", **context)

    @method_decorator(never_cache)
    def live_view(self, request: HttpRequest) -> JsonResponse:
        """Answer what the page shows by now, for overview.js."""
        self._check(request)
        shown = self._shown(request)
        panels = {
            name: render_to_string(
                f"admin/taskhub/overview/panels/{name}.html", shown, request
            )
            for name in _PANELS
        }
        return JsonResponse(
            {"panels": panels, "charts": _drawn(shown), "at": shown["at"]}
        )

    def _shown(self, request: HttpRequest) -> dict[str, Any]:
        may = {
            name: self.admin_site.is_registered(model)
            and request.user.has_perm(f"taskhub.view_{name}")
            for name, model in _LINKED.items()
        }
        return {
            **read_overview(self.admin_site, request),
            "may": may,
            "at": time_format(timezone.localtime(), "H:i:s"),
        }


def _drawn(shown: dict[str, Any]) -> Any:
    return {chart.name: msgspec.to_builtins(chart) for chart in shown["charts"]}
