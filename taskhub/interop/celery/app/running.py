"""
How a Celery task runs: the function that taskhub's workers call.

It calls `before_start`, the task, and the hook for the end: `on_success`, `on_failure`
or `on_retry`, and `after_return`. Around them it sends Celery's signals. Exceptions of
hooks after the end are logged, since the run has ended by then.
"""

import logging
import time
import traceback
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

from taskhub.exceptions import Retry as TaskHubRetry
from taskhub.exceptions import TaskTimeout
from taskhub.foundation.awaiting import awaited
from taskhub.interop.celery import signals, states
from taskhub.interop.celery.app.request import Context, pushed
from taskhub.interop.celery.exceptions import Ignore, Reject, Retry

if TYPE_CHECKING:
    from taskhub.interop.celery.app.task import Task

logger = logging.getLogger(__name__)

_CONTEXT = Parameter("context", Parameter.POSITIONAL_ONLY)


class ExceptionInfo:
    """The `einfo` of Celery's hooks and signals: an exception and its traceback."""

    def __init__(self, error: BaseException) -> None:
        self.exception = error
        self.type = type(error)
        self.tb = error.__traceback__
        self.exc_info = (self.type, error, self.tb)
        self.traceback = "".join(traceback.format_exception(error))

    def __str__(self) -> str:
        return self.traceback


def function_of(task: "Task") -> Callable[..., Any]:
    """Return the function that workers call; its signature is that of `task.run`."""

    def call(context: Any, /, *args: Any, **kwargs: Any) -> Any:
        return trace(task, Context.of_run(task, context, args, kwargs))

    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(call, name, getattr(task, name))
    call.__signature__ = _signature_of(task)  # type: ignore[attr-defined]
    # What errors name instead of this function.
    call.stands_for = getattr(task, "__wrapped__", task.run)  # type: ignore[attr-defined]
    return call


def _signature_of(task: "Task") -> Signature:
    """Return the parameters of a task, after the context."""
    loose = [
        Parameter("args", Parameter.VAR_POSITIONAL),
        Parameter("kwargs", Parameter.VAR_KEYWORD),
    ]
    own = list(signature(task.run).parameters.values())
    # A parameter may have the name of the context, which Django prescribes.
    if task.typing is False or any(each.name == _CONTEXT.name for each in own):
        own = loose
    return Signature([_CONTEXT, *own])


def trace(task: "Task", request: Context) -> Any:
    """
    Run a task, and return its return value.

    Raise what the task raises, and Retry if it is to be retried.
    """
    about = {"args": request.args, "kwargs": request.kwargs}
    with pushed(task, request):
        end = _End(task, request)
        signals.task_prerun.tell(task, task_id=request.id, task=task, **about)
        try:
            return _run(end)
        finally:
            signals.task_postrun.tell(
                task,
                task_id=request.id,
                task=task,
                retval=end.value,
                state=end.state,
                **about,
            )


class _End:
    """How a run has ended."""

    def __init__(self, task: "Task", request: Context) -> None:
        self.task = task
        self.request = request
        self.started_at = time.monotonic()
        self.state: str | None = None
        self.value: Any = None


def _run(end: _End) -> Any:
    request = end.request
    try:
        value = _call(end.task, request)
    except Ignore as error:
        end.state, end.value = states.IGNORED, error
        if request.state in states.EXCEPTION_STATES:
            # The task has set this state itself, and wants to keep it.
            raise
        return None
    except Reject as error:
        end.state, end.value = states.REJECTED, error
        if error.requeue:
            raise Retry(exc=error, when=0) from error
        raise
    except TaskHubRetry as error:
        _end_with_retry(end, error)
        raise
    except (Exception, TaskTimeout) as error:
        _end_with_failure(end, error)
        raise
    _end_with_success(end, value)
    return value


def _call(task: "Task", request: Context) -> Any:
    task.before_start(request.id, request.args, request.kwargs)
    request.is_inside = not task.has_own_call
    function = task if task.has_own_call else task.run
    value = awaited(function(*request.args, **request.kwargs))
    if request.retry_later is not None:
        raise request.retry_later
    return value


def _end_with_retry(end: _End, error: TaskHubRetry) -> None:
    end.state, end.value = states.RETRY, error
    task, request, einfo = end.task, end.request, ExceptionInfo(error)
    reason = getattr(error, "exc", None)
    _call_hook(task.on_retry, reason, request.id, request.args, request.kwargs, einfo)
    signals.task_retry.tell(task, request=request, reason=error, einfo=einfo)


def _end_with_failure(end: _End, error: BaseException) -> None:
    end.state, end.value = states.FAILURE, error
    task, request, einfo = end.task, end.request, ExceptionInfo(error)
    _call_hook(task.on_failure, error, request.id, request.args, request.kwargs, einfo)
    signals.task_failure.tell(
        task,
        task_id=request.id,
        exception=error,
        args=request.args,
        kwargs=request.kwargs,
        traceback=error.__traceback__,
        einfo=einfo,
    )
    _tell_returned(end, einfo)


def _end_with_success(end: _End, value: Any) -> None:
    end.state, end.value = states.SUCCESS, value
    task, request = end.task, end.request
    _call_hook(task.on_success, value, request.id, request.args, request.kwargs)
    runtime = time.monotonic() - end.started_at
    signals.task_success.tell(task, result=value, runtime=runtime)
    _tell_returned(end, None)


def _tell_returned(end: _End, einfo: ExceptionInfo | None) -> None:
    request = end.request
    arguments = (request.id, request.args, request.kwargs, einfo)
    _call_hook(end.task.after_return, end.state, end.value, *arguments)


def _call_hook(hook: Callable[..., Any], *arguments: Any) -> None:
    try:
        hook(*arguments)
    except Exception:
        # The run has ended: a hook can change neither its value nor its error.
        logger.exception("A hook raised: %s", getattr(hook, "__qualname__", hook))
