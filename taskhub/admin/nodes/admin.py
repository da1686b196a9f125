"""The pages of nodes: who works, on what, and since when."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.admin import display as markup
from taskhub.admin.addresses import link, row_address
from taskhub.admin.changelist import BoundedChangeList, Listed
from taskhub.admin.model_admin import ReadOnly
from taskhub.admin.neighbours import rows_of
from taskhub.admin.nodes.display import state_badge
from taskhub.admin.nodes.operating import Operating
from taskhub.admin.paginator import BoundedPaginator
from taskhub.admin.running import running_by_token
from taskhub.admin.worker_runs import LingeringOnPage, lingering_by_token
from taskhub.models import Node, TaskResult


class NodeList(BoundedChangeList):
    """A page of the list, with how all of its nodes are."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the rows, who of them is silent, and what runs: once for the page."""
        super().get_results(request)
        node_admin: Any = self.model_admin
        node_admin.look_at(request, self.result_list)


@admin.register(Node)
class NodeAdmin(ReadOnly, Operating, Listed, admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only: nodes tell of themselves, and are asked for what operators want."""

    change_form_template = "admin/taskhub/with_buttons.html"

    list_display = (
        "name",
        "presence",
        "shown_queues",
        "shown_processes",
        "doing",
        "memory",
        "version",
        "seen",
    )
    sortable_by = ()
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = (
        "presence",
        ("host", "pid"),
        "shown_queues",
        ("shown_processes", "threads", "async_tasks"),
        "shown_workers",
        ("memory", "version"),
        ("started", "seen"),
    )

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/overview.css")
        }

    # What is read.

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return NodeList

    def look_at(self, request: HttpRequest, nodes: Iterable[Any]) -> None:
        """Note in nodes whether they are silent, and what their processes run."""
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
            self.look_at(request, [node])
            context["buttons"] = self.buttons(request, node)
        return super().render_change_form(request, context, *args, **options)

    # How it is shown.

    @admin.display(description=gettext_lazy("state"))
    def presence(self, node: Any) -> SafeString:
        return state_badge(node, is_silent=node.is_silent)

    @admin.display(description=gettext_lazy("queues"))
    def shown_queues(self, node: Node) -> str:
        return ", ".join(node.queues)

    @admin.display(description=gettext_lazy("processes"))
    def shown_processes(self, node: Node) -> str:
        return _("%(there)d of %(wanted)d") % {
            "there": len(node.workers),
            "wanted": node.processes,
        }

    @admin.display(description=gettext_lazy("worker processes"))
    def shown_workers(self, node: Any) -> SafeString:
        return format_html_join(
            "",
            '<div class="taskhub-process">{} &middot; {} {} &middot; {} MiB{}{}</div>',
            (
                (
                    each["token"],
                    _("process"),
                    each["pid"],
                    each["memory_mib"],
                    self._shown_runs(node.runs[each["token"]]),
                    _shown_lingering(node.lingering[each["token"]]),
                )
                for each in node.workers
            ),
        )

    @admin.display(description=gettext_lazy("runs now"))
    def doing(self, node: Any) -> SafeString | str:
        runs = [run for token in node.tokens for run in node.runs[token]]
        lingering = [run for token in node.tokens for run in node.lingering[token]]
        shown = self._shown_runs(runs) + _shown_lingering(lingering)
        return shown or str(markup.NOTHING)

    @admin.display(description=gettext_lazy("memory"))
    def memory(self, node: Node) -> str:
        return f"{node.memory_mib} MiB"

    @admin.display(description=gettext_lazy("started"))
    def started(self, node: Node) -> SafeString:
        return markup.moment(node.started_at)

    @admin.display(description=gettext_lazy("last seen"))
    def seen(self, node: Node) -> SafeString:
        return markup.moment(node.last_seen_at)

    def _shown_runs(self, runs: list[TaskResult]) -> SafeString:
        """Return what runs, each as a link, and for how long it has."""
        now = timezone.now()
        return format_html_join(
            "",
            '<div class="taskhub-time">{} {}</div>',
            (
                (
                    link(
                        row_address(self.admin_site, run),
                        run.task_path.rpartition(".")[2],
                    ),
                    markup.duration(now - (run.last_attempted_at or now)),
                )
                for run in runs
            ),
        )


def _shown_lingering(runs: list[LingeringOnPage]) -> SafeString:
    """Return what still runs though nobody waits for it."""
    return format_html_join(
        "",
        '<div class="taskhub-time">{} '
        '<span class="taskhub-mark taskhub-cancelled">{}</span></div>',
        ((link(run.url, run.task), run.text) for run in runs),
    )
