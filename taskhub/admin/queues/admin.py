"""The admin of queues."""

from typing import Any, ClassVar
from urllib.parse import quote

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from taskhub.admin.actions import button, confirm_and_run, is_allowed, require
from taskhub.admin.addresses import address
from taskhub.admin.model_admin import ReadOnlyModelAdmin
from taskhub.admin.permissions import has_perm
from taskhub.admin.queues.actions import ACTIONS
from taskhub.admin.queues.forms import (
    find_queue,
    format_waiting,
    label_of,
    waiting_by_task,
)
from taskhub.admin.queues.queue_list import QueueOnPage, read_queues, shown_queues
from taskhub.admin.responses import render
from taskhub.conf import configs
from taskhub.models import QueueState, TaskResult
from taskhub.operations.queues import Queue


@admin.register(QueueState)
class QueueStateAdmin(ReadOnlyModelAdmin):
    """Lists all queues. Those that nobody has changed have no row."""

    row_actions = ACTIONS
    fields = ("queue_name", "backend", "paused_at", "drains", "changed_by", "reason")

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/overview.css")
        }

    has_operate_permission = has_perm("operate_queuestate")
    has_purge_permission = has_perm("purge_queuestate")

    @method_decorator(never_cache)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show all queues with their buttons."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        has_results = self.admin_site.is_registered(
            TaskResult
        ) and request.user.has_perm("taskhub.view_taskresult")
        results = (
            address(self.admin_site, "taskresult_changelist") if has_results else ""
        )
        queues, faults = read_queues(self.get_queryset(request), results)
        self._add_buttons(request, queues)
        context = {
            **(extra_context or {}),
            "title": _("Queues"),
            "cl": {"opts": self.opts},
            "actions_on_top": True,
            "queues": queues,
            "faults": faults,
            "has_backends": len(configs()) > 1,
        }
        return render(self, request, "admin/taskhub/queuestate/list.html", **context)

    def _add_buttons(self, request: HttpRequest, queues: list[QueueOnPage]) -> None:
        # Check the permissions once: there may be hundreds of queues.
        allowed = [
            action
            for action in ACTIONS.values()
            if is_allowed(self, request, action.permission)
        ]
        base = address(self.admin_site, "queuestate_changelist")
        for each in queues:
            # The same route as in action_urls(); reverse() would be slow.
            path = f"{quote(each.queue.backend)}/{quote(each.queue.name)}/"
            each.buttons = [
                button(action, f"{base}do/{action.name}/{path}")
                for action in allowed
                if action.suits(each.state)
            ]

    # Actions take a queue, which may have no row.

    def action_urls(self) -> list[URLPattern]:
        route = "do/<slug:action_name>/<str:backend>/<str:name>/"
        return [self.view_path(route, run_on_queue, "do")]

    def name_of(self, row: Queue) -> str:
        return label_of(row)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log a change of a queue. Create its row if it has none."""
        row, _is_new = QueueState.writing.get_or_create(
            backend=obj.backend, queue_name=obj.name
        )
        return super().log_change(request, row, message)


def run_on_queue(
    model_admin: QueueStateAdmin,
    request: HttpRequest,
    action_name: str,
    backend: str,
    name: str,
) -> HttpResponse:
    """Run an action on a queue. Raise Http404 if the user may not see the queue."""
    queue, action = find_queue(name, backend), ACTIONS.get(action_name)
    if queue is None or action is None:
        raise Http404
    require(model_admin, request, action.permission)
    rows = model_admin.get_queryset(request)
    if queue not in shown_queues(rows, [(backend, name)])[0]:
        raise Http404
    waiting = sum(waiting_by_task(queue).values())
    return confirm_and_run(
        model_admin,
        request,
        action,
        [queue],
        title=f"{action.label}: {label_of(queue)}",
        back=address(model_admin.admin_site, "queuestate_changelist"),
        note=_("Waiting now: %s.") % format_waiting(waiting),
    )
