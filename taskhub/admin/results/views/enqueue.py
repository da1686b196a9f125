"""Forms that enqueue a task, or the task of a result with other arguments."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from taskhub import operations
from taskhub.admin.actions import require
from taskhub.admin.addresses import list_address, row_address, with_filters
from taskhub.admin.forms import task_select
from taskhub.admin.forms.call_form import CallForm
from taskhub.admin.responses import redirect_to_list, render
from taskhub.admin.results.forms import OptionsForm, TaskForm
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import TaskHubError
from taskhub.models import TaskResult
from taskhub.tasks import Task, registered_tasks

_FORM_ERRORS = (TaskHubError, compat.InvalidTask)


def enqueue_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask for a task (GET), ask for its arguments (GET), and enqueue it (POST)."""
    require(model_admin, request, "enqueue")
    path = request.GET.get("task", "")
    task = registered_tasks().get(path)
    choice = TaskForm(initial={"task": path})
    if path and task is None:
        text = _("No task %s is registered here.") % path
        model_admin.message_user(request, text, messages.ERROR)
    title = _("Enqueue a task")
    if task is None:
        return _page(model_admin, request, title, choice=choice)
    data = request.POST if request.method == "POST" else None
    call, options = CallForm(task, data), OptionsForm(task, data)
    if response := _enqueue(model_admin, request, task, call, options):
        return response
    return _page(model_admin, request, title, choice=choice, call=call, options=options)


def _enqueue(
    model_admin: Any,
    request: HttpRequest,
    task: Task[..., Any, Any],
    call: CallForm,
    options: OptionsForm,
) -> HttpResponse | None:
    """Enqueue a task and redirect to the result, or return None for invalid forms."""
    # Validate both forms, so that both show their errors.
    if not (call.is_valid() & options.is_valid()):
        return None
    args, kwargs = call.call()
    chosen = {name: value or None for name, value in options.cleaned_data.items()}
    chosen["priority"] = options.cleaned_data["priority"]
    by = request.user.get_username()
    try:
        row = operations.results.enqueue(
            task.module_path, args, kwargs, by=by, **chosen
        )
    except _FORM_ERRORS as error:
        call.add_error(None, str(error))
        return None
    model_admin.log_addition(request, row, _("Enqueued by hand."))
    model_admin.message_user(request, _("Enqueued."))
    return redirect(row_address(model_admin.admin_site, row))


def may_retry_with_other_arguments(
    model_admin: Any, request: HttpRequest, row: TaskResult
) -> bool:
    """Return whether the user may enqueue the task of a finished result again."""
    return (
        model_admin.has_enqueue_permission(request)
        and row.is_finished
        and row.task_path in registered_tasks()
    )


def again_view(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask for other arguments (GET), and enqueue the task with them (POST)."""
    require(model_admin, request, "enqueue")
    row = model_admin.get_object(request, unquote(object_id))
    if row is None:
        return redirect_to_list(model_admin, request)
    if not row.is_finished:
        # The result was retried after the page was shown.
        text = _("The result is not finished.")
        model_admin.message_user(request, text, messages.WARNING)
        return redirect(_address_of(model_admin, request, row))
    if not may_retry_with_other_arguments(model_admin, request, row):
        raise Http404
    task = registered_tasks()[row.task_path]
    data = request.POST if request.method == "POST" else None
    types = (row.extra or {}).get("types")
    call = CallForm(task, data, old=(row.args, row.kwargs), types=types)
    if response := _enqueue_again(model_admin, request, row, call):
        return response
    title = _("Retry with other arguments")
    return _page(model_admin, request, title, call=call, row=row)


def _enqueue_again(
    model_admin: Any, request: HttpRequest, row: TaskResult, call: CallForm
) -> HttpResponse | None:
    """Enqueue a row's task and redirect, or return None for an invalid form."""
    if not call.is_valid():
        return None
    by = request.user.get_username()
    try:
        new = operations.results.enqueue_again(row, *call.call(), by=by)
    except _FORM_ERRORS as error:
        call.add_error(None, str(error))
        return None
    model_admin.log_addition(request, new, _("Enqueued instead of %s.") % row.pk)
    text = _("Enqueued again with other arguments: result %s.") % new.pk
    model_admin.log_change(request, row, text)
    model_admin.message_user(request, _("Enqueued."))
    return redirect(_address_of(model_admin, request, new))


def _address_of(model_admin: Any, request: HttpRequest, row: TaskResult) -> str:
    url = row_address(model_admin.admin_site, row)
    return with_filters(model_admin, request, url)


def _page(
    model_admin: Any, request: HttpRequest, title: str, **shown: Any
) -> HttpResponse:
    row, call, options = shown.get("row"), shown.get("call"), shown.get("options")
    return render(
        model_admin,
        request,
        "admin/taskhub/taskresult/enqueue.html",
        title=title,
        original=title,
        media=model_admin.media + options.media if options else model_admin.media,
        back=_address_of(model_admin, request, row)
        if row
        else list_address(model_admin, request),
        # A template would call a Task object.
        hint=task_select.hint(call.task.module_path) if call else "",
        **shown,
    )
