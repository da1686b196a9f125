"""
The surroundings of a call: the context that has travelled, and the middleware.

Most sites have neither. Then the executor calls the function directly.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.utils.module_loading import import_string

from taskhub.conf import Options
from taskhub.execution.runs import Run
from taskhub.middleware import TaskRun
from taskhub.tasks import Result, Task
from taskhub.tasks.carriers import restored


class Call:
    """
    One call of a task's function; see `taskhub.middleware.TaskRun`.

    Frames hold this object and not the arguments, which error trackers would show.
    """

    def __init__(self, run: Run, args: list[Any]) -> None:
        self._run = run
        # Copies, since the row of a task that is not durable is made of the message.
        self.args = [*args]
        self.kwargs = {**run.attempt.message.kwargs}

    @property
    def task(self) -> Task[..., Any, Any]:
        return self._run.task

    @property
    def attempt(self) -> int:
        return self._run.attempt.number

    @property
    def context(self) -> Mapping[str, Any]:
        extra = self._run.attempt.message.extra
        return (extra and extra.context) or {}

    @cached_property
    def result(self) -> Result[Any]:
        return self._run.result()


class Surroundings:
    """Calls functions within the middleware and the context of one backend."""

    def __init__(self, options: Options) -> None:
        self._carriers = options.context
        self._call, self._acall = _compose(options.middleware)

    @classmethod
    def of(cls, options: Options) -> "Surroundings | None":
        """Return the surroundings that a site has configured, or None."""
        return cls(options) if options.context or options.middleware else None

    def call(self, call: Call) -> Any:
        """Call a sync task's function, and return its value."""
        if not call.context:
            return self._call(call)
        with restored(self._carriers, call.context):
            return self._call(call)

    async def acall(self, call: Call) -> Any:
        """Await an `async def` task's function, and return its value."""
        if not call.context:
            return await self._acall(call)
        with restored(self._carriers, call.context):
            return await self._acall(call)


def _compose(
    paths: Sequence[str],
) -> tuple[Callable[[TaskRun], Any], Callable[[TaskRun], Awaitable[Any]]]:
    """Return the outermost middleware for sync and for async tasks."""
    call: Callable[[TaskRun], Any] = _call_function
    acall: Callable[[TaskRun], Awaitable[Any]] = _await_function
    for path in reversed(paths):
        middleware = import_string(path)
        call, acall = middleware(call), middleware(acall).acall
    return call, acall


def _call_function(run: TaskRun) -> Any:
    return run.task.func(*run.args, **run.kwargs)


async def _await_function(run: TaskRun) -> Any:
    return await run.task.func(*run.args, **run.kwargs)
