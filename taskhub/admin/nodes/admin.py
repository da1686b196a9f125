"""The admin of nodes."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from taskhub.admin.actions import (
    Action,
    buttons,
    confirm_and_run,
    menu_entry,
    require,
)
from taskhub.admin.addresses import address
from taskhub.admin.changelist import BoundedChangeList
from taskhub.admin.display import NOTHING
from taskhub.admin.model_admin import ReadOnlyModelAdmin
from taskhub.admin.neighbours import rows_of
from taskhub.admin.nodes import display
from taskhub.admin.nodes.actions import ACTIONS
from taskhub.admin.permissions import has_perm
from taskhub.admin.responses import redirect_to_list
from taskhub.admin.worker_runs import lingering_by_token, running_by_token
from taskhub.models import Node, TaskResult


class NodeList(BoundedChangeList):
    """A page of the list, with the state and the runs of its nodes."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the nodes, then their state and their runs, with one query each."""
        super().get_results(request)
        node_admin: Any = self.model_admin
        node_admin.read_runs(request, self.result_list)


@admin.register(Node)
class NodeAdmin(ReadOnlyModelAdmin):
    """Nodes write their own rows; an action writes a request into the row of a node."""

    row_actions = ACTIONS
    actions = tuple(map(menu_entry, ACTIONS.values()))
    change_form_template = "admin/taskhub/with_buttons.html"
    list_per_page = 100
    list_display = (
        "name",
        display.presence,
        display.shown_queues,
        display.shown_processes,
        "running",
        display.memory,
        "version",
        display.seen,
    )
    sortable_by = ()
    fields: ClassVar[Any] = (
        display.presence,
        ("host", "pid"),
        display.shown_queues,
        (display.shown_processes, "threads", "async_tasks"),
        "worker_processes",
        (display.memory, "version"),
        (display.started, display.seen),
    )
    readonly_fields = tuple(admin.utils.flatten(fields))

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/overview.css")
        }

    has_operate_permission = has_perm("operate_node")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return NodeList

    def read_runs(self, request: HttpRequest, nodes: Iterable[Any]) -> None:
        """Set `is_silent`, `runs` and `lingering` of nodes; the runs are by token."""
        rows: Any = self.get_queryset(request)
        silent = set(rows.silent().values_list("pk", flat=True))
        running = running_by_token(rows_of(self.admin_site, request, TaskResult))
        nodes = list(nodes)
        present = [node for node in nodes if node.pk not in silent]
        lingering = lingering_by_token(
            self.admin_site, request, present, timezone.now()
        )
        for node in nodes:
            node.is_silent = node.pk in silent
            node.runs = {token: running.get(token, []) for token in node.tokens}
            node.lingering = {token: lingering.get(token, []) for token in node.tokens}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        if (node := options.get("obj")) is not None:
            self.read_runs(request, [node])
            context["buttons"] = buttons(self, request, node)
        return super().render_change_form(request, context, *args, **options)

    @admin.display(description=gettext_lazy("running"))
    def running(self, node: Any) -> SafeString | str:
        runs = [run for token in node.tokens for run in node.runs[token]]
        lingering = [run for token in node.tokens for run in node.lingering[token]]
        return display.runs_of(self.admin_site, runs, lingering) or NOTHING

    @admin.display(description=gettext_lazy("worker processes"))
    def worker_processes(self, node: Any) -> SafeString:
        return display.worker_processes(self.admin_site, node)

    # Actions take several nodes, whose names are in the address.

    def action_urls(self) -> list[URLPattern]:
        return [self.view_path("do/<slug:name>/", run_on_nodes, "do")]

    def action_url(
        self, request: HttpRequest, action: Action[Node], rows: Iterable[Node]
    ) -> str:
        query = urlencode({"name": [node.name for node in rows]}, doseq=True)
        return f"{address(self.admin_site, 'node_do', action.name)}?{query}"


def run_on_nodes(
    model_admin: NodeAdmin, request: HttpRequest, name: str
) -> HttpResponse:
    """Run an action on the nodes that the address names."""
    action = ACTIONS.get(name)
    if action is None:
        raise Http404
    require(model_admin, request, action.permission)
    names = [each for each in request.GET.getlist("name") if "\0" not in each]
    nodes = list(model_admin.get_queryset(request).filter(pk__in=names))
    if not nodes:
        return redirect_to_list(model_admin, request)
    return confirm_and_run(
        model_admin,
        request,
        action,
        nodes,
        title=f"{action.label}: {', '.join(node.name for node in nodes)}",
        back=address(model_admin.admin_site, "node_changelist"),
    )
