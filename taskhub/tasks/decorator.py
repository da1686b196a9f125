"""The `@task` decorator."""

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import (
    Any,
    Concatenate,
    Literal,
    ParamSpec,
    Protocol,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

from taskhub.compat import django_tasks as compat
from taskhub.conf.hints import TASK_HINTS, hint
from taskhub.exceptions import InvalidOption
from taskhub.retries import Backoff
from taskhub.tasks.context import Context
from taskhub.tasks.options.checks import Keep, OnWorkerDeath, check_name
from taskhub.tasks.task import OPTION_NAMES, ContextTask, Task

P = ParamSpec("P")
R = TypeVar("R")

#: Django 6.0 requires these fields of a task.
_DEFAULTS: dict[str, Any] = {
    "priority": compat.DEFAULT_TASK_PRIORITY,
    "queue_name": compat.DEFAULT_TASK_QUEUE_NAME,
    "backend": compat.DEFAULT_TASK_BACKEND_ALIAS,
    "run_after": None,
}


class TaskOptions(TypedDict, total=False):
    """The options of `@task`."""

    priority: int
    queue_name: str
    backend: str
    durable: bool
    keep: Keep
    expires_after: timedelta | None
    max_attempts: int
    backoff: Backoff
    retry_on: type[BaseException] | Collection[type[BaseException]]
    give_up_on: type[BaseException] | Collection[type[BaseException]]
    timeout: float | None
    hard_timeout: float | None
    on_worker_death: OnWorkerDeath
    max_redeliveries: int | None
    stall_after: float | None
    atomic: bool
    masked: Sequence[str]
    meta: Mapping[str, Any] | None
    name: str
    throws: type[BaseException] | Collection[type[BaseException]]


class Decorator(Protocol):
    """What `@task(...)` returns: it takes the function."""

    # The async overload comes first, because the second matches any function.
    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Task[P, R, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...


class ContextDecorator(Protocol):
    """What `@task(takes_context=True, ...)` returns."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /
    ) -> ContextTask[P, R, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, P], R], /
    ) -> ContextTask[P, R, R]: ...


@overload
def task(
    function: Callable[P, Coroutine[Any, Any, R]], /
) -> Task[P, R, Coroutine[Any, Any, R]]: ...
@overload
def task(function: Callable[P, R], /) -> Task[P, R, R]: ...
@overload
def task(
    *, takes_context: Literal[True], **options: Unpack[TaskOptions]
) -> ContextDecorator: ...
@overload
def task(
    *, takes_context: Literal[False] = False, **options: Unpack[TaskOptions]
) -> Decorator: ...
def task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """
    Make a task of a module-level function, sync or async.

    This is Django's own decorator with more options: `priority`, `queue_name`,
    `backend`, `takes_context`, `durable`, `keep`, `expires_after`, `max_attempts`,
    `backoff`, `retry_on`, `give_up_on`, `timeout`, `hard_timeout`, `atomic`, `masked`,
    `meta`, `name`, `throws`, `on_worker_death`, `max_redeliveries`, `stall_after`.
    docs/reference/tasks.md describes each.

    Raise InvalidOption for an unknown option, and InvalidTask if a value is invalid or
    the function cannot be a task.
    """

    def decorate(function: Callable[..., Any]) -> Task[..., Any, Any]:
        known = OPTION_NAMES | {"name"}
        for name, value in options.items():
            if name not in known:
                raise InvalidOption(
                    f"Unknown option {name!r} in @task for {function.__qualname__}"
                    f"{hint(name, value, TASK_HINTS, known)}"
                )
        fields = _DEFAULTS | options
        if "name" in fields:
            fields["path"] = check_name(fields.pop("name"))
        return Task(func=function, given=options.keys(), **fields)

    return decorate if function is None else decorate(function)
