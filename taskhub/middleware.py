"""
Middleware around the runs of tasks, in the shape of Django's.

    "OPTIONS": {"middleware": ["shop.tasks.Audit"]}

Each process creates two instances of a middleware, with the next one as `call`: one for
sync tasks, and one for `async def` tasks. The first one in the list is the outermost.
All are within the time limits and the transaction of an atomic task, and an exception
that one raises is the task's failure.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from taskhub.tasks import Result, Task


class TaskRun(Protocol):
    """One attempt, as a middleware sees it."""

    #: What the function is called with; a middleware may change both. With
    #: `takes_context`, the first of `args` is the context.
    args: list[Any]
    kwargs: dict[str, Any]

    @property
    def task(self) -> Task[..., Any, Any]:
        """The task."""

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 1."""

    @property
    def context(self) -> Mapping[str, Any]:
        """The values that travelled with the task, by the paths of their carriers."""

    @property
    def result(self) -> Result[Any]:
        """The result, as Django shows it. It is made at the first use."""


class Middleware:
    """
    A middleware for sync and async tasks.

    Override `around()` to do the same for both, or `__call__` and `acall`.
    """

    def __init__(self, call: Callable[[TaskRun], Any]) -> None:
        self.call = call

    def around(self, run: TaskRun) -> AbstractContextManager[Any]:
        """Return a context manager that is entered around the function."""
        return nullcontext()

    def __call__(self, run: TaskRun) -> Any:
        """Run a sync task, and return its return value."""
        with self.around(run):
            return self.call(run)

    async def acall(self, run: TaskRun) -> Any:
        """Run an `async def` task, and return its return value."""
        call: Callable[[TaskRun], Awaitable[Any]] = self.call
        with self.around(run):
            return await call(run)
