"""`self.retry()`: counts the retries of a run, and ends it."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from taskhub.interop.celery import database
from taskhub.interop.celery.app.request import Context
from taskhub.interop.celery.arguments import prepare
from taskhub.interop.celery.exceptions import Retry
from taskhub.tasks.calls import check_positional

if TYPE_CHECKING:
    from taskhub.interop.celery.app.task import Task


def retry(
    task: "Task",
    args: Any,
    kwargs: Mapping[str, Any] | None,
    *,
    exc: BaseException | None,
    when: float | datetime | None,
    max_retries: int | None,
    throw: bool,
) -> Retry:
    """End the current run of a task, and run it again at `when`; see Task.retry()."""
    request = task.request
    if request.called_directly:
        _raise(exc or Retry("Task can be retried"))
    if max_retries is not None and request.retries >= max_retries:
        _raise(
            exc
            or task.MaxRetriesExceededError(
                f"Can't retry {task.name}[{request.id}]: max_retries is {max_retries}.",
                task_args=request.args,
                task_kwargs=request.kwargs,
            )
        )
    _change_arguments(task, request, args, kwargs)
    end = Retry(exc=exc, when=when, is_eager=request.is_eager)
    if throw:
        raise end
    request.retry_later = end
    return end


def _raise(error: BaseException) -> None:
    """Raise an error; if it is handled now, it keeps its traceback."""
    current = sys.exc_info()[1]
    if current is None or current is error:
        raise error
    raise error from current


def _change_arguments(
    task: "Task", request: Context, args: Any, kwargs: Mapping[str, Any] | None
) -> None:
    """Give the next attempt other arguments, if they differ."""
    check_positional(args, f"{task.name}.retry()")
    changed_args = request.args if args is None else prepare(list(args))
    changed_kwargs = request.kwargs if kwargs is None else prepare(dict(kwargs))
    if (changed_args, changed_kwargs) == (request.args, request.kwargs):
        return
    request.args, request.kwargs = changed_args, changed_kwargs
    if request.id is not None and not request.is_eager:
        function = task.func
        database.change_arguments(request.id, function, changed_args, changed_kwargs)
