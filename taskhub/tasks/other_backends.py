"""Waiting for results of other backends through the interface of `django.tasks`."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import ResultTimeout, TaskFailed
from taskhub.foundation.polling import pauses

if TYPE_CHECKING:
    from taskhub.tasks.result import Result


def wait_for(result: "Result[Any]", timeout: float | None) -> Any:
    """
    Block until a result is finished, and return its stored return value.

    Raise TaskFailed if it failed. Raise ResultTimeout after `timeout` seconds, or at
    once if its backend cannot read results.
    """
    for pause in pauses(timeout):
        if not result.is_finished:
            result = _read(result)
        if result.is_finished:
            return _outcome(result)
        _check_that_it_can_finish(result)
        time.sleep(pause)
    raise _timed_out(result, timeout)


async def await_for(result: "Result[Any]", timeout: float | None) -> Any:
    """See wait_for()."""
    for pause in pauses(timeout):
        if not result.is_finished:
            result = await _aread(result)
        if result.is_finished:
            return _outcome(result)
        _check_that_it_can_finish(result)
        await asyncio.sleep(pause)
    raise _timed_out(result, timeout)


def _read(result: "Result[Any]") -> Any:
    try:
        return result.task.get_result(result.id)
    except NotImplementedError:
        return result


async def _aread(result: "Result[Any]") -> Any:
    try:
        return await result.task.aget_result(result.id)
    except NotImplementedError:
        return result


def _check_that_it_can_finish(result: "Result[Any]") -> None:
    backend = result.task.get_backend()
    if not backend.supports_get_result:
        raise ResultTimeout(
            f"Result {result.id} is {result.status}, and waiting cannot change that: "
            f"its backend, {type(backend).__name__}, does not share results between "
            "threads and processes."
        )


def _outcome(result: Any) -> Any:
    if result.status == compat.TaskResultStatus.SUCCESSFUL:
        return result._return_value
    traceback = result.errors[-1].traceback if result.errors else ""
    lines = traceback.strip().splitlines() or ["no error"]
    raise TaskFailed(
        f"{result.task.module_path} {result.id} failed: {lines[-1]}",
        traceback=traceback,
    )


def _timed_out(result: "Result[Any]", timeout: float | None) -> ResultTimeout:
    return ResultTimeout(f"Result {result.id} was not finished after {timeout} s.")
