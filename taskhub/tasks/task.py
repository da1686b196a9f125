"""`Task`: Django's task, with taskhub's options and ways to enqueue it."""

import inspect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, fields, replace
from datetime import timedelta
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
from taskhub.foundation.clock import utc_now
from taskhub.retries import Backoff
from taskhub.tasks.arguments import Arguments, check_arguments
from taskhub.tasks.calls import Call, LooseCall, check_positional, read_calls
from taskhub.tasks.context import Context
from taskhub.tasks.options.checks import (
    DEFAULT_BACKOFF,
    Keep,
    OnWorkerDeath,
    as_names,
    check_options,
)
from taskhub.tasks.options.site import IN_CODE, site_options
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

    To type checkers, `P` are the parameters of `enqueue`, `R_co` is the type of the
    return value, and `C_co` what a plain call returns: `R_co`, or a coroutine of it.

    Immutable; `using()` makes a variant with other options.
    """

    #: Whether the row is inserted when the task is enqueued, in the caller's
    #: transaction. If not, only the broker has the task until it ends, and may lose it.
    durable: bool = True
    #: Which finished results keep their row: all, only failures, or none.
    keep: Keep = "all"
    #: How long after its due time a run may start. After this time, it expires.
    expires_after: timedelta | None = None
    #: How long after enqueueing a run is due. Overrides `run_after`.
    run_in: timedelta | None = None
    #: How many attempts may fail before the result is FAILED.
    max_attempts: int = 1
    #: How long to wait before a retry.
    backoff: Backoff = field(default=DEFAULT_BACKOFF, hash=False)
    #: The exceptions that are retried, except for those in `give_up_on`.
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    give_up_on: tuple[type[BaseException], ...] = ()
    #: Exceptions that are no errors for the log: they are expected.
    throws: tuple[type[BaseException], ...] = ()
    #: Seconds until TaskTimeout is raised in the task.
    timeout: float | None = None
    #: Seconds until the process that runs the task is replaced.
    hard_timeout: float | None = None
    #: What happens when a worker process has died while it ran the task.
    on_worker_death: OnWorkerDeath = "retry"
    #: How many times the task is given to another worker after such a death. None means
    #: the option of the backend.
    max_redeliveries: int | None = None
    #: Seconds without progress after which a running task needs attention.
    stall_after: float | None = None
    #: Whether the task's database work and its outcome are one transaction.
    atomic: bool = False
    #: The names of parameters whose values are stored, but not shown.
    masked: tuple[str, ...] = ()
    #: The user's own notes, stored in the row of each run: JSON.
    meta: Mapping[str, Any] | None = field(default=None, hash=False)
    #: The `name` in `@task`, which replaces the path of the function; or "".
    path: str = ""
    #: By option: where its value comes from, if it is not taskhub's own default. None
    #: before the site's settings are applied, which happens once.
    origins: Mapping[str, str] | None = field(default=None, repr=False, compare=False)
    #: The options that @task sets; by default, those whose value is not the default.
    given: InitVar[Collection[str] | None] = None

    def __post_init__(self, given: Collection[str] | None) -> None:
        for name in ("retry_on", "give_up_on", "throws"):
            object.__setattr__(self, name, _as_classes(getattr(self, name)))
        object.__setattr__(self, "masked", as_names(self.masked))
        if self.origins is None:
            self._apply_settings(self._changed() if given is None else given)
        try:
            check_options(self)
            compat.Task.__post_init__(self)
        except compat.InvalidTask as error:
            raise compat.InvalidTask(f"{error}{self._blame_rules()}") from None
        register(self)

    def _changed(self) -> list[str]:
        """Return the options whose value is not the default."""
        return [
            each.name
            for each in fields(self)
            if each.name in OPTION_NAMES and getattr(self, each.name) != each.default
        ]

    def _apply_settings(self, given: Collection[str]) -> None:
        values, origins = site_options(self, given)
        for name, value in (values | {"origins": origins}).items():
            object.__setattr__(self, name, value)

    def _blame_rules(self) -> str:
        """Return the end of a message about an invalid option: the rules involved."""
        origins = (self.origins or {}).values()
        rules = sorted({origin for origin in origins if origin != IN_CODE})
        return f" Its options come from {', '.join(rules)}." if rules else ""

    @classmethod
    def of(cls, task: "compat.Task[..., Any]", **changes: Any) -> "Task[..., Any, Any]":
        """Return a task as an instance of this class, with some options changed."""
        if isinstance(task, Task):
            return replace(task, **changes) if changes else task
        return cls(**{name: getattr(task, name) for name in _DJANGO_FIELDS} | changes)

    def __eq__(self, other: object) -> bool:
        """Compare the options; a plain Django task can be equal, too."""
        if type(other) not in (type(self), compat.Task):
            return NotImplemented
        return all(
            getattr(self, each.name) == getattr(other, each.name, each.default)
            for each in fields(self)
            if each.compare
        )

    def __hash__(self) -> int:
        # The same as the hash of an equal plain Django task.
        return hash(tuple(getattr(self, name) for name in _DJANGO_FIELDS))

    # Positional-only `self`: a task may have a parameter of that name.
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> C_co:
        """Call the function directly, without enqueueing."""
        return cast("C_co", self.func(*self._with_context(args), **kwargs))

    def call(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function and wait for it, sync or async, as Django's backends do."""
        function = partial(self.func, *self._with_context(args), **kwargs)
        return cast("R_co", async_to_sync(function)() if self.is_async else function())

    async def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """See call()."""
        function = partial(self.func, *self._with_context(args), **kwargs)
        run: Any = function if self.is_async else sync_to_async(function)
        return cast("R_co", await run())

    def _with_context(self, args: Sequence[Any]) -> Sequence[Any]:
        """Replace a context of Django's, which other backends pass, with a Context."""
        if (
            not self.takes_context
            or not args
            or type(args[0]) is not compat.TaskContext
        ):
            return args
        context = Context(task_result=Result.of(args[0].task_result))
        return [context, *args[1:]]

    @property
    def module_path(self) -> str:
        """The name under which the task is registered: by default, its import path."""
        return self.path or str(super().module_path)

    @property
    def __wrapped__(self) -> Any:
        # For inspect.signature(), doctest and other code that unwraps decorators.
        return self.func

    def using(self, **options: Unpack[UsingOptions]) -> Self:
        """
        Make a variant of this task with other options.

        `run_after` is an aware datetime, or a timedelta from the time of enqueueing.
        None removes `run_after`, `expires_after` and `meta`, and resets any other
        option to its value in `@task`.

        Raise InvalidOption for an unknown option, and InvalidTask for an invalid value.
        """
        return replace(self, **changes_of(self, options, OPTION_NAMES))

    # Here and below: hide the arguments from Django's error pages and mails.
    @sensitive_variables()
    def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> Result[R_co]:
        """Enqueue one run, and return its result. Raise as producer.enqueue() does."""
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
        """Return this task with `run_in` turned into `run_after`, counted from now."""
        if self.run_in is None:
            return self
        return replace(self, run_after=utc_now() + self.run_in, run_in=None)

    def get_result(self, result_id: str) -> Result[R_co]:
        """
        Return a result of this task by its id.

        Raise TaskResultDoesNotExist if there is no such result, and TaskResultMismatch
        if it belongs to another task.
        """
        return cast("Result[R_co]", Result.of(super().get_result(result_id)))

    async def aget_result(self, result_id: str) -> Result[R_co]:
        """See get_result()."""
        return cast("Result[R_co]", Result.of(await super().aget_result(result_id)))

    @sensitive_variables()
    def delay(self, /, *args: P.args, **kwargs: P.kwargs) -> Result[R_co]:
        """Enqueue one run; Celery's name for enqueue()."""
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

        `countdown` is in seconds, `eta` an aware datetime. `expires` is seconds after
        the due time, or an aware datetime. As everywhere in taskhub, and unlike with
        Celery's Redis transport, a higher priority goes first.

        Raise InvalidOption for other options, InvalidArguments for a string as `args`.
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
        arguments, or a `Call` with both, which `bind()` makes. Return the results in
        the same order. All calls are checked before any row is written.

        Raise InvalidArguments for anything that is not a call, such as a string.
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
        """Check calls for a backend that is not taskhub's."""
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
        """A task that takes its context; a plain call has to pass one."""

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
    """Return classes of exceptions as a tuple, also if given a single class."""
    if isinstance(given, type):
        return (given,)
    return tuple(given) if isinstance(given, list | set | frozenset) else given


#: The fields of Django's own task.
_DJANGO_FIELDS = tuple(each.name for each in fields(compat.Task))

OPTION_NAMES = frozenset(each.name for each in fields(Task)) - {
    "func",
    "origins",
    "path",
    "run_after",
    "run_in",
}
