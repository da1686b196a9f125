"""`apply()`: a task that runs here, without a worker and without a row."""

import traceback
from collections.abc import Mapping
from socket import gethostname
from typing import TYPE_CHECKING, Any

from taskhub.exceptions import Retry, TaskTimeout
from taskhub.interop.celery import states
from taskhub.interop.celery.app.options import MAX_ATTEMPTS
from taskhub.interop.celery.app.request import Context
from taskhub.interop.celery.app.running import trace
from taskhub.interop.celery.result import EagerResult
from taskhub.interop.celery.utils import uuid

if TYPE_CHECKING:
    from taskhub.interop.celery.app.task import Task


def apply(
    task: "Task",
    args: Any,
    kwargs: Mapping[str, Any] | None,
    *,
    task_id: str | None = None,
    retries: int = 0,
    throw: bool = False,
    headers: Mapping[str, Any] | None = None,
) -> EagerResult:
    """
    Run a task with its retries, without pauses, and return its result.

    With `throw`, raise what the task raises. A task that never stops to retry fails
    after as many attempts as in a worker.
    """
    result_id = task_id or uuid()
    call: tuple[Any, Any] = args or (), kwargs or {}
    while True:
        request = _request(task, *call, id=result_id, retries=retries)
        request.headers = dict(headers) if headers else None
        try:
            value = trace(task, request)
        except (Exception, TaskTimeout) as error:
            if isinstance(error, Retry) and retries + 1 < MAX_ATTEMPTS:
                retries += 1
                call = request.args, request.kwargs
                continue
            if throw:
                raise
            text = "".join(traceback.format_exception(error))
            return EagerResult(result_id, error, states.FAILURE, text, task.name)
        else:
            return EagerResult(result_id, value, states.SUCCESS, None, task.name)


def _request(task: "Task", args: Any, kwargs: Any, **known: Any) -> Context:
    return Context(
        args,
        kwargs,
        task=task.name,
        hostname=gethostname(),
        delivery_info={
            "is_eager": True,
            "exchange": None,
            "routing_key": None,
            "priority": None,
        },
        is_eager=True,
        called_directly=False,
        **known,
    )
