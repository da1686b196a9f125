"""The pages of queues: a list of all of them, and one for each thing to be done."""

from typing import Any, ClassVar
from urllib.parse import quote

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from taskhub.admin.addresses import address
from taskhub.admin.asking import ask
from taskhub.admin.changelist import Listed
from taskhub.admin.done import Done
from taskhub.admin.model_admin import ReadOnly
from taskhub.admin.queues.actions import VERBS, Verb
from taskhub.admin.queues.forms import counted, find_queue, label_of, waiting_by_task
from taskhub.admin.queues.queue_list import QueueOnPage, read_queues, shown_queues
from taskhub.admin.responses import render
from taskhub.conf import configs
from taskhub.exceptions import TaskHubError
from taskhub.models import QueueState, TaskResult
from taskhub.operations.queues import Queue


@admin.register(QueueState)
class QueueStateAdmin(ReadOnly, Listed, admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows every queue, also those that nobody has ever paused and so have no row."""

    fields = ("queue_name", "backend", "paused_at", "drains", "changed_by", "reason")

    class Media:
        css: ClassVar = {
            "all": ("taskhub/admin.css", "taskhub/parts.css", "taskhub/overview.css")
        }

    # What one may do.

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may pause, resume, drain and move queues."""
        return request.user.has_perm("taskhub.operate_queuestate")

    def has_purge_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may purge queues."""
        return request.user.has_perm("taskhub.purge_queuestate")

    def _may(self, request: HttpRequest, verb: Verb) -> bool:
        may: Any = getattr(self, f"has_{verb.permission}_permission")
        return bool(may(request)) and self.has_view_permission(request)

    # The list.

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.do_view)
        url = "do/<slug:verb_name>/<str:backend>/<str:name>/"
        return [
            path(url, view, name="taskhub_queuestate_do"),
            *super().get_urls(),
        ]

    @method_decorator(never_cache)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show all queues, and what may be done to each."""
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
        # What is the same for all is worked out once: there may be hundreds.
        allowed = [
            (verb, str(verb.label))
            for verb in VERBS.values()
            if self._may(request, verb)
        ]
        base = self._list
        for each in queues:
            place = f"{quote(each.queue.backend)}/{quote(each.queue.name)}"
            each.buttons = [
                # As get_urls() has it.
                {
                    "verb": verb,
                    "label": label,
                    "url": f"{base}do/{verb.name}/{place}/",
                }
                for verb, label in allowed
                if verb.suits(each.state)
            ]

    # What is done.

    def do_view(
        self, request: HttpRequest, verb_name: str, backend: str, name: str
    ) -> HttpResponse:
        """Ask what has to be known (GET), and do it (POST)."""
        queue, verb = find_queue(name, backend), VERBS.get(verb_name)
        if queue is None or verb is None:
            raise Http404
        if not self._may(request, verb):
            raise PermissionDenied
        if queue not in self._shown(request, queue):
            raise Http404
        form = verb.form(queue, request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask(request, queue, verb, form)
        try:
            done = verb.do(queue, form.cleaned_data, request.user.get_username())
        except TaskHubError as error:
            done = Done(str(error), level=messages.ERROR)
        if done.logged:
            self.log_change(request, _row_of(queue), done.logged)
        self.message_user(request, done.said, done.level)
        return redirect(self._list)

    @property
    def _list(self) -> str:
        return address(self.admin_site, "queuestate_changelist")

    def _shown(self, request: HttpRequest, queue: Queue) -> list[Queue]:
        key = (queue.backend, queue.name)
        return shown_queues(self.get_queryset(request), [key])[0]

    def _ask(
        self, request: HttpRequest, queue: Queue, verb: Verb, form: Any
    ) -> HttpResponse:
        waiting = sum(waiting_by_task(queue).values())
        return ask(
            self,
            request,
            title=f"{verb.label}: {label_of(queue)}",
            original=f"{verb.label} {queue.name}",
            text=verb.text,
            note=_("Waiting in it now: %s.") % counted(waiting),
            form=form,
            button=verb.label,
            back=self._list,
            is_dangerous=verb.is_dangerous,
        )


def _row_of(queue: Queue) -> QueueState:
    """Return its row, to write a history of; a new one if it has none yet."""
    row, _is_new = QueueState.writing.get_or_create(
        backend=queue.backend, queue_name=queue.name
    )
    return row
