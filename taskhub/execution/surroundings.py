"""
The surroundings of a call: the context that has travelled, and the middleware.

Most sites have neither. Then the executor calls the function directly.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache, cached_property
from typing import Any

from django.utils.module_loading import import_string

from taskhub.conf import Options
from taskhub.execution.arguments import (
    ArgumentsOf,
    RunArguments,
    arguments_on_loop,
)
from taskhub.execution.runs import Run
from taskhub.foundation.awaiting import awaited
from taskhub.middleware import TaskRun
from taskhub.tasks import Result, Task
from taskhub.tasks.carriers import restored


class Call:
    """
    One call of a task's function; see `taskhub.middleware.TaskRun`.

    Frames hold this object and not the arguments, which error trackers would show.
    """

    def __init__(self, run: Run, arguments_of: ArgumentsOf) -> None:
        self._run = run
        self._arguments_of = arguments_of

    async def load(self) -> None:
        """Make the arguments before the first use, since they may need queries."""
        self._given = await arguments_on_loop(self._run, self._arguments_of)

    @cached_property
    def _given(self) -> RunArguments:
        # Made at the first use: a middleware may choose the database of a tenant first.
        return self._arguments_of(self._run)

    @property
    def args(self) -> list[Any]:
        return self._given.args

    @args.setter
    def args(self, args: list[Any]) -> None:
        self._given = RunArguments(args, self._given.kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        return self._given.kwargs

    @kwargs.setter
    def kwargs(self, kwargs: dict[str, Any]) -> None:
        self._given = RunArguments(self._given.args, kwargs)

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
        with restored(self._carriers, call.context):
            await call.load()
            return await self._acall(call)


@cache
def _compose(
    paths: tuple[str, ...],
) -> tuple[Callable[[TaskRun], Any], Callable[[TaskRun], Awaitable[Any]]]:
    """Return the outermost middleware for sync and for async tasks."""
    call: Callable[[TaskRun], Any] = _call_function
    acall: Callable[[TaskRun], Awaitable[Any]] = _await_function
    for path in reversed(paths):
        middleware = import_string(path)
        call, acall = middleware(call), middleware(acall).acall
    return call, acall


def _call_function(run: TaskRun) -> Any:
    return awaited(run.task.func(*run.args, **run.kwargs))


async def _await_function(run: TaskRun) -> Any:
    return await run.task.func(*run.args, **run.kwargs)
