"""Enqueueing by hand: a task with arguments, or a result's task with others."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub import operations
from taskhub.admin import gone
from taskhub.admin.addresses import list_address, row_address, with_filters
from taskhub.admin.forms import task_select
from taskhub.admin.forms.call_form import CallForm
from taskhub.admin.forms.date_time import MomentField
from taskhub.admin.forms.queue_select import queue_choices
from taskhub.admin.responses import render
from taskhub.admin.results.permissions import Permissions
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import TaskHubError
from taskhub.models import TaskResult
from taskhub.tasks import Task, registered_tasks

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[TaskResult]
else:
    _Admin = object

#: What is told at the form: what was written is wrong, or cannot be done now.
_FAULTS = (TaskHubError, compat.InvalidTask)


class TaskForm(forms.Form):
    """Which task."""

    task = forms.CharField(label=gettext_lazy("Task"), widget=task_select.TaskSelect)


class OptionsForm(forms.Form):
    """Where it waits, and until when; the task's own if nothing is written."""

    queue_name = forms.CharField(
        label=gettext_lazy("Queue"), required=False, widget=forms.Select
    )
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"),
        required=False,
        min_value=compat.TASK_MIN_PRIORITY,
        max_value=compat.TASK_MAX_PRIORITY,
        help_text=gettext_lazy("-100 to 100; higher goes first."),
    )
    run_after = MomentField(label=gettext_lazy("Run after"), required=False)

    def __init__(self, task: Task[..., Any, Any], data: Any = None) -> None:
        super().__init__(data)
        queue: Any = self.fields["queue_name"].widget
        queue.choices = queue_choices(self.data.get("queue_name", ""))
        own = {"queue": task.queue_name, "priority": task.priority}
        self.fields["queue_name"].help_text = (
            _("%(queue)s if none is chosen: the task's own.") % own
        )
        self.fields["priority"].widget.attrs["placeholder"] = str(task.priority)


class Enqueueing(Permissions, _Admin):
    """The two forms, and the ways to them."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "enqueue/",
                wrap(self.enqueue_view),
                name="taskhub_taskresult_enqueue",
            ),
            path(
                "<path:object_id>/again/",
                wrap(self.again_view),
                name="taskhub_taskresult_again",
            ),
            *super().get_urls(),
        ]

    def _require(self, request: HttpRequest) -> None:
        if not (
            self.has_enqueue_permission(request) and self.has_view_permission(request)
        ):
            raise PermissionDenied

    # A task.

    def enqueue_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a task (GET), for its arguments (GET), and enqueue it (POST)."""
        self._require(request)
        chosen = request.GET.get("task", "")
        task = registered_tasks().get(chosen)
        choice = TaskForm(initial={"task": chosen})
        if chosen and task is None:
            text = _("No task %s is registered here.") % chosen
            self.message_user(request, text, messages.ERROR)
        title = _("Enqueue a task")
        if task is None:
            return self._page(request, title, choice=choice)
        data = request.POST if request.method == "POST" else None
        call, options = CallForm(task, data), OptionsForm(task, data)
        if done := self._enqueue(request, task, call, options):
            return done
        return self._page(request, title, choice=choice, call=call, options=options)

    def _enqueue(
        self,
        request: HttpRequest,
        task: Task[..., Any, Any],
        call: CallForm,
        options: OptionsForm,
    ) -> HttpResponse | None:
        if not (call.is_valid() & options.is_valid()):
            return None
        args, kwargs = call.call()
        chosen = {name: value or None for name, value in options.cleaned_data.items()}
        chosen["priority"] = options.cleaned_data["priority"]
        try:
            row = operations.results.enqueue(
                task.module_path,
                args,
                kwargs,
                by=request.user.get_username(),
                **chosen,
            )
        except _FAULTS as error:
            call.add_error(None, str(error))
            return None
        self.log_addition(request, row, _("Enqueued by hand."))
        self.message_user(request, _("It is enqueued."))
        return redirect(row_address(self.admin_site, row))

    # A result's task with other arguments.

    def may_edit(self, request: HttpRequest, row: TaskResult) -> bool:
        """Whether somebody may have a result's task run with other arguments."""
        return (
            self.has_enqueue_permission(request)
            and row.is_finished
            and row.task_path in registered_tasks()
        )

    def again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for other arguments (GET), and enqueue the task with them (POST)."""
        self._require(request)
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return gone.to_list(self, request)
        if not row.is_finished:
            # Since the page was shown, somebody has had it tried again.
            self.message_user(request, _("It is not finished."), messages.WARNING)
            return redirect(self._address_of(request, row))
        if not self.may_edit(request, row):
            raise Http404
        task = registered_tasks()[row.task_path]
        data = request.POST if request.method == "POST" else None
        call = CallForm(task, data, old=(row.args, row.kwargs))
        if done := self._enqueue_again(request, row, call):
            return done
        title = _("Try it again with other arguments")
        return self._page(request, title, call=call, row=row)

    def _enqueue_again(
        self, request: HttpRequest, row: TaskResult, call: CallForm
    ) -> HttpResponse | None:
        if not call.is_valid():
            return None
        by = request.user.get_username()
        try:
            new = operations.results.enqueue_again(row, *call.call(), by=by)
        except _FAULTS as error:
            call.add_error(None, str(error))
            return None
        self.log_addition(request, new, _("Enqueued instead of %s.") % row.pk)
        text = _("Enqueued anew with other arguments: result %s.") % new.pk
        self.log_change(request, row, text)
        self.message_user(request, _("It is enqueued."))
        return redirect(self._address_of(request, new))

    def _address_of(self, request: HttpRequest, row: TaskResult) -> str:
        return with_filters(self, request, row_address(self.admin_site, row))

    def _page(self, request: HttpRequest, title: str, **shown: Any) -> HttpResponse:
        row, call = shown.get("row"), shown.get("call")
        back = list_address(self, request)
        if row is not None:
            back = self._address_of(request, row)
        media = self.media
        if shown.get("options"):
            media += shown["options"].media
        return render(
            self,
            request,
            "admin/taskhub/taskresult/enqueue.html",
            title=title,
            original=title,
            media=media,
            back=back,
            # Not the task itself, which a template would call.
            hint=task_select.hint(call.task.module_path) if call else "",
            **shown,
        )
