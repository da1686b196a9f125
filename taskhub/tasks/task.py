"""The `Task`: Django's, and what taskhub adds to it."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    Self,
    TypeVar,
    Unpack,
    cast,
)

from asgiref.sync import async_to_sync, sync_to_async
from django.views.decorators.debug import sensitive_variables

from taskhub.compat import django_tasks as compat
from taskhub.retries import Backoff
from taskhub.tasks.arguments import Arguments, check_arguments
from taskhub.tasks.calls import Call, LooseCall, check_positional, read_calls
from taskhub.tasks.context import Context
from taskhub.tasks.options.checks import DEFAULT_BACKOFF, Keep, check_options
from taskhub.tasks.options.variants import (
    CeleryOptions,
    UsingOptions,
    changes_of,
    from_celery,
)
from taskhub.tasks.registry import register
from taskhub.tasks.result import Result, hub_of

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
C_co = TypeVar("C_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Task(compat.Task, Generic[P, R_co, C_co]):  # type: ignore[type-arg]
    """
    A module-level function that can be run in the background.

    To type checkers, `P` is what `enqueue` takes, `R_co` what comes of a run, and
    `C_co` what a plain call returns: the same, or a coroutine.

    Immutable; `using()` makes a variant with other options.
    """

    #: Whether the row is written at once, in the caller's transaction. If not, the
    #: message goes straight to the broker and may be lost with it.
    durable: bool = True
    #: Whose row stays when the task has finished: everybody's, failures', nobody's.
    keep: Keep = "all"
    #: A run that has not started this long after it is due is never started.
    expires_after: timedelta | None = None
    #: How long after it is enqueued a run is due; `run_after` is then of no account.
    run_in: timedelta | None = None
    #: How many failures a result may have; then it is FAILED.
    max_attempts: int = 1
    #: How long to wait before the next attempt.
    backoff: Backoff = field(default=DEFAULT_BACKOFF, hash=False)
    #: Only these are tried again, and of these not those.
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    give_up_on: tuple[type[BaseException], ...] = ()
    #: Seconds after which TaskTimeout is raised in the task.
    timeout: float | None = None
    #: Seconds after which its process is replaced, whatever the task does.
    hard_timeout: float | None = None
    #: Whether the database work of the body, and its outcome, are one transaction.
    atomic: bool = False
    #: The names of parameters whose values people are not to see.
    masked: tuple[str, ...] = ()
    #: The user's own notes on a run, stored in its row: JSON.
    meta: Mapping[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        for name in ("retry_on", "give_up_on"):
            object.__setattr__(self, name, _as_classes(getattr(self, name)))
        if not isinstance(self.masked, str):
            object.__setattr__(self, "masked", tuple(self.masked))
        check_options(self)
        compat.Task.__post_init__(self)
        register(self)

    @classmethod
    def of(cls, task: "compat.Task[..., Any]", **changes: Any) -> "Task[..., Any, Any]":
        """
        Return a task as one of this class, with some options changed.

        taskhub's own options have their defaults if it is a plain Django task.
        """
        if isinstance(task, Task):
            return replace(task, **changes) if changes else task
        return cls(**{name: getattr(task, name) for name in _DJANGOS} | changes)

    def __eq__(self, other: object) -> bool:
        """Equal a task with the same options, and a plain Django task as well."""
        if type(other) not in (type(self), compat.Task):
            return NotImplemented
        return all(
            getattr(self, each.name) == getattr(other, each.name, each.default)
            for each in fields(self)
        )

    def __hash__(self) -> int:
        # That of the plain Django task which it may equal.
        return hash(tuple(getattr(self, name) for name in _DJANGOS))

    # In all of these, `self` may be the name of a parameter of the task, too.
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> C_co:
        """Call the function here and now, as if it were no task."""
        return cast("C_co", self.func(*self._with_context(args), **kwargs))

    def call(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the function, as Django's own backends do; an async one, too."""
        function = partial(self.func, *self._with_context(args), **kwargs)
        return cast("R_co", async_to_sync(function)() if self.is_async else function())

    async def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """See call()."""
        function = partial(self.func, *self._with_context(args), **kwargs)
        run: Any = function if self.is_async else sync_to_async(function)
        return cast("R_co", await run())

    def _with_context(self, args: Sequence[Any]) -> Sequence[Any]:
        """Put a Context in the place of Django's own, which other backends give."""
        if (
            not self.takes_context
            or not args
            or type(args[0]) is not compat.TaskContext
        ):
            return args
        context = Context(task_result=Result.of(args[0].task_result))
        return [context, *args[1:]]

    @property
    def __wrapped__(self) -> Any:
        # For inspect.signature, doctest and everything else that looks behind a
        # decorator.
        return self.func

    def using(self, **options: Unpack[UsingOptions]) -> Self:
        """
        Make a variant of this task with other options.

        `run_after` is an aware datetime, or a timedelta from when it is enqueued. None
        removes `run_after`, `expires_after` and `meta`, and takes any other option
        back to what `@task` says.

        Raise InvalidOption if there is no such option.
        """
        return replace(self, **changes_of(self, options, OPTION_NAMES))

    # Not even Django's pages and mails about an error show arguments: as elsewhere
    # below, and in the backend.
    @sensitive_variables()
    def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> Result[R_co]:
        """Ask for one run; return its result."""
        task = self if self.run_in is None else self.due()
        backend: Any = task.get_backend()
        result: Result[R_co] = Result.of(backend.enqueue(task, args, kwargs))
        return result

    @sensitive_variables()
    async def aenqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> Result[R_co]:
        """See enqueue()."""
        task = self if self.run_in is None else self.due()
        backend: Any = task.get_backend()
        result: Result[R_co] = Result.of(await backend.aenqueue(task, args, kwargs))
        return result

    def due(self) -> Self:
        """Return this task with the `run_after` that it has if it is enqueued now."""
        if self.run_in is None:
            return self
        return replace(self, run_after=datetime.now(UTC) + self.run_in, run_in=None)

    def get_result(self, result_id: str) -> Result[R_co]:
        """
        Return a result of this task by its id.

        Raise TaskResultDoesNotExist if there is none, and TaskResultMismatch if it is
        another task's.
        """
        return cast("Result[R_co]", Result.of(super().get_result(result_id)))

    async def aget_result(self, result_id: str) -> Result[R_co]:
        """See get_result()."""
        return cast("Result[R_co]", Result.of(await super().aget_result(result_id)))

    @sensitive_variables()
    def delay(self, /, *args: P.args, **kwargs: P.kwargs) -> Result[R_co]:
        """Celery's word for `enqueue`."""
        return self.enqueue(*args, **kwargs)

    @sensitive_variables()
    def apply_async(
        self,
        args: tuple[Any, ...] | list[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CeleryOptions],
    ) -> Result[R_co]:
        """
        Enqueue with Celery's options: countdown, eta, expires, queue, priority.

        `countdown` is in seconds; `eta` an aware datetime; `expires` either: seconds
        after the run is due, or a time. A higher priority goes first, as everywhere in
        taskhub.

        Raise InvalidOption for any other, and InvalidArguments for `args` that is a
        string.
        """
        check_positional(args, f"{self.name}.apply_async()")
        enqueue: Any = self.using(**from_celery(self, options)).enqueue
        result: Result[R_co] = enqueue(*(args or ()), **(kwargs or {}))
        return result

    def bind(self, /, *args: P.args, **kwargs: P.kwargs) -> Call[P]:
        """Return the arguments of one run, for `enqueue_many`."""
        return Call(args, kwargs)

    @sensitive_variables()
    def enqueue_many(self, calls: Iterable[Call[P] | LooseCall]) -> list[Result[R_co]]:
        """
        Enqueue many runs with one INSERT and one push.

        Each call is a tuple or list of positional arguments, a dict of keyword
        arguments, or both, as `bind()` makes them. Return the results in the same
        order. All calls are checked before the first is written.

        Raise InvalidArguments for what is no call, such as a string.
        """
        if hub := hub_of(self):
            return hub.enqueue_many(self.due(), calls)
        return [self.enqueue(*args, **kwargs) for args, kwargs in self._check(calls)]

    @sensitive_variables()
    async def aenqueue_many(
        self, calls: Iterable[Call[P] | LooseCall]
    ) -> list[Result[R_co]]:
        """See enqueue_many()."""
        if hub := hub_of(self):
            return await hub.aenqueue_many(self.due(), calls)
        checked = self._check(calls)
        return [await self.aenqueue(*args, **kwargs) for args, kwargs in checked]

    def _check(self, calls: Iterable[Any]) -> list[Arguments]:
        """Return calls for another backend, all of them checked."""
        return [
            check_arguments(self.func, self.takes_context, *call)
            for call in read_calls(calls)
        ]

    @cached_property
    def is_async(self) -> bool:
        """Whether the function is an `async def`."""
        return inspect.iscoroutinefunction(self.func)


if TYPE_CHECKING:

    class ContextTask(Task[P, R_co, C_co]):
        """A task that takes its context, which a plain call has to give it."""

        def __call__(  # type: ignore[override]
            self, context: Context, /, *args: P.args, **kwargs: P.kwargs
        ) -> C_co: ...
        def call(  # type: ignore[override]
            self, context: Context, /, *args: P.args, **kwargs: P.kwargs
        ) -> R_co: ...
        async def acall(  # type: ignore[override]
            self, context: Context, /, *args: P.args, **kwargs: P.kwargs
        ) -> R_co: ...

else:
    ContextTask = Task


def _as_classes(given: Any) -> Any:
    """Take one class of exceptions for a tuple of it."""
    if isinstance(given, type):
        return (given,)
    return tuple(given) if isinstance(given, list | set | frozenset) else given


#: The options that every Django task has.
_DJANGOS = tuple(each.name for each in fields(compat.Task))

OPTION_NAMES = frozenset(each.name for each in fields(Task)) - {
    "func",
    "run_after",
    "run_in",
}
