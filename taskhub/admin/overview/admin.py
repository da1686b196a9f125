"""The admin of metrics, which shows the overview instead of a list."""

from typing import Any, ClassVar

import msgspec
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from taskhub.admin.addresses import address
from taskhub.admin.model_admin import ReadOnlyModelAdmin
from taskhub.admin.overview.content import read_overview
from taskhub.admin.responses import render
from taskhub.models import Node, PeriodicTask, TaskMetrics, TaskResult
from taskhub.operations.metrics.figures import RANGES

#: The parts of the page that overview.js replaces, each with a template.
_PANELS = ("attention", "tiles", "tables", "nodes", "ticks")
#: The models to whose pages the overview links, if the user may view them.
_LINKED: dict[str, type[Model]] = {
    "taskresult": TaskResult,
    "node": Node,
    "periodictask": PeriodicTask,
}
_UPLOT = "taskhub/vendor/uplot-1.6.32"


@admin.register(TaskMetrics)
class TaskMetricsAdmin(ReadOnlyModelAdmin):
    """Has a single page, the overview. There are no pages of rows."""

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

    def get_urls(self) -> list[Any]:
        page = type(self).changelist_view
        return [
            self.view_path("", page, "changelist", never_cache),
            self.view_path("live/", live_view, "live", never_cache),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the overview for the time range in the parameter `range`."""
        shown = _read(self, request)
        live = address(self.admin_site, "taskmetrics_live")
        context = {
            **shown,
            **(extra_context or {}),
            "title": _("Overview"),
            # For the breadcrumbs.
            "cl": {"opts": self.opts},
            "actions_on_top": True,
            "ranges": list(RANGES),
            "zone": timezone.get_current_timezone_name(),
            "live_url": f"{live}?{urlencode({'range': shown['range']})}",
            "drawn": _drawn(shown),
        }
        return render(self, request, "admin/taskhub/overview/page.html", **context)


def live_view(model_admin: TaskMetricsAdmin, request: HttpRequest) -> JsonResponse:
    """Return the panels and the charts as JSON, for overview.js."""
    shown = _read(model_admin, request)
    panels = {
        name: render_to_string(
            f"admin/taskhub/overview/panels/{name}.html", shown, request
        )
        for name in _PANELS
    }
    return JsonResponse({"panels": panels, "charts": _drawn(shown), "at": shown["at"]})


def _read(model_admin: TaskMetricsAdmin, request: HttpRequest) -> dict[str, Any]:
    """Return the context of all panels, if the user may view the overview."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    site = model_admin.admin_site
    may_view = {
        name: site.is_registered(model)
        and request.user.has_perm(f"taskhub.view_{name}")
        for name, model in _LINKED.items()
    }
    return {
        **read_overview(site, request),
        "may": may_view,
        "at": time_format(timezone.localtime(), "H:i:s"),
    }


def _drawn(shown: dict[str, Any]) -> Any:
    """Return the charts by name as plain values, for charts.js."""
    return {chart.name: msgspec.to_builtins(chart) for chart in shown["charts"]}
