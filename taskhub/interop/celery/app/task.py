"""
`Task`: the base class of Celery tasks, and what a task does with its own run.

Each task is the only instance of a class of its own, whose attributes are the options.
`hub_task` is the same task as taskhub knows it: workers find it by its name.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from taskhub.interop.celery import exceptions, states
from taskhub.interop.celery.app.eager import apply
from taskhub.interop.celery.app.options import options_of
from taskhub.interop.celery.app.request import Context, pushed, request_of
from taskhub.interop.celery.app.retrying import retry
from taskhub.interop.celery.app.running import ExceptionInfo, function_of
from taskhub.interop.celery.arguments import prepare, received
from taskhub.interop.celery.canvas import Signature
from taskhub.interop.celery.conf import setting
from taskhub.interop.celery.exceptions import InvalidCall, Retry
from taskhub.interop.celery.ignored import warn
from taskhub.interop.celery.progress import pack
from taskhub.interop.celery.publishing import aware, check, publish
from taskhub.interop.celery.registry import apps
from taskhub.interop.celery.result import AsyncResult
from taskhub.tasks import Task as HubTask
from taskhub.tasks import task as hub_task
from taskhub.tasks.calls import check_positional


class Task:
    """
    A Celery task: `run` is its body, and options are attributes of its class.

    Override `before_start`, `on_success`, `on_failure`, `on_retry`, `after_return`, and
    `__call__` to change how `run` is called.
    """

    MaxRetriesExceededError = exceptions.MaxRetriesExceededError
    OperationalError = exceptions.OperationalError

    name = ""
    typing: bool | None = None
    #: How many times a task may be retried; None means as often as taskhub can.
    max_retries: int | None = 3
    #: Seconds until a retry, unless it says otherwise.
    default_retry_delay: float | None = 3 * 60
    autoretry_for: Any = ()
    dont_autoretry_for: Any = ()
    retry_backoff: Any = False
    retry_backoff_max: int = 600
    retry_jitter: bool = True
    retry_kwargs: Mapping[str, Any] | None = None
    throws: Any = ()
    ignore_result: bool | None = None
    store_errors_even_if_ignored: bool | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    expires: Any = None
    queue: str | None = None
    routing_key: str | None = None
    priority: int | None = None
    acks_late: bool | None = None
    reject_on_worker_lost: bool | None = None
    track_started: bool | None = None
    rate_limit: str | None = None
    serializer: str | None = None
    abstract = True
    _app: Any = None
    backend: ClassVar[None] = None

    __name__ = ""
    __qualname__ = ""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work of the task; a subclass or a function defines it."""
        raise NotImplementedError("Tasks must define the run method.")

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call `run` here, without a worker."""
        request = request_of(self)
        if request and not (request.called_directly or request.is_inside):
            # The worker has called it.
            request.is_inside = True
            return self.run(*args, **kwargs)
        with pushed(self, Context(args, kwargs, task=self.name)):
            return self.run(*args, **kwargs)

    @property
    def app(self) -> Any:
        """The app that has declared the task, or else the current one; None without."""
        return self._app or next(iter(apps), None)

    @property
    def has_own_call(self) -> bool:
        """Whether the class of the task overrides `__call__`."""
        return type(self).__call__ is not Task.__call__

    @cached_property
    def hub_task(self) -> "HubTask[..., Any, Any]":
        """
        The task as taskhub knows it. Made when it is first used.

        Raise InvalidTask or InvalidOption if an option has an invalid value.
        """
        made: HubTask[..., Any, Any] = hub_task(**options_of(self))(function_of(self))
        return made

    # What `TaskResult.objects.for_task()` and the kit for tests read from a task.

    takes_context = True

    @property
    def module_path(self) -> str:
        return self.name

    @property
    def func(self) -> Any:
        return self.hub_task.func

    @property
    def request(self) -> Context:
        """The current run of the task here; outside of a run, an empty one."""
        return request_of(self) or Context(task=self.name)

    # Hooks.

    def before_start(
        self, task_id: str | None, args: list[Any], kwargs: dict[str, Any]
    ) -> None:
        """Do something before the task runs."""

    def on_success(
        self,
        retval: Any,
        task_id: str | None,
        args: list[Any],
        kwargs: dict[str, Any],
    ) -> None:
        """Do something after the task has returned a value."""

    def on_failure(
        self,
        exc: BaseException,
        task_id: str | None,
        args: list[Any],
        kwargs: dict[str, Any],
        einfo: ExceptionInfo,
    ) -> None:
        """Do something after the task has failed, and is not retried."""

    def on_retry(
        self,
        exc: BaseException | None,
        task_id: str | None,
        args: list[Any],
        kwargs: dict[str, Any],
        einfo: ExceptionInfo,
    ) -> None:
        """Do something before the task is retried."""

    def after_return(
        self,
        status: str,
        retval: Any,
        task_id: str | None,
        args: list[Any],
        kwargs: dict[str, Any],
        einfo: ExceptionInfo | None,
    ) -> None:
        """Do something after the task has returned or failed."""

    # Calls.

    def delay(self, /, *args: Any, **kwargs: Any) -> AsyncResult:
        """Enqueue one run."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: Any = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: str | None = None,
        **options: Any,
    ) -> AsyncResult:
        """
        Enqueue one run, with Celery's options.

        Raise InvalidOption for an option that cannot be, and what enqueue() raises.
        """
        options |= {
            "task_id": task_id,
            "producer": producer,
            "link": link,
            "link_error": link_error,
            "shadow": shadow,
        }
        check_positional(args, f"{self.name}.apply_async()")
        call = prepare([*(args or ())]), prepare(kwargs or {})
        if setting("task_always_eager"):
            args, kwargs = received(self.func, *call)
            return self.apply(args, kwargs, **options)
        result = publish(self.hub_task, *call, **options)
        result.ignored = bool(self.ignore_result)
        return result

    #: Celery's names for calls that wait for the commit, as all calls do here.
    delay_on_commit = delay
    apply_async_on_commit = apply_async

    def apply(
        self,
        args: Any = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        retries: int = 0,
        throw: bool | None = None,
        headers: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncResult:
        """
        Run the task here, with its retries, and return its result.

        Other options of apply_async() have no effect. Raise InvalidOption for callbacks
        and for unknown options.
        """
        check(options, f"{self.name}.apply()")
        if throw is None:
            throw = bool(setting("task_eager_propagates"))
        return apply(
            self,
            args,
            kwargs,
            task_id=task_id,
            retries=retries,
            throw=throw,
            headers=headers,
        )

    def signature(
        self,
        args: Any = None,
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        immutable: bool = False,
        **more: Any,
    ) -> Signature:
        """Return a signature: this task with arguments and options."""
        return Signature(
            self, args, kwargs, {**(options or {}), **more}, immutable=immutable
        )

    subtask = signature

    def s(self, /, *args: Any, **kwargs: Any) -> Signature:
        """Return a signature with these arguments."""
        return self.signature(args, kwargs)

    def si(self, /, *args: Any, **kwargs: Any) -> Signature:
        """Return a signature that takes no further arguments."""
        return self.signature(args, kwargs, immutable=True)

    def AsyncResult(self, task_id: str, **kwargs: Any) -> AsyncResult:
        """Return a result of this task by its id."""
        return AsyncResult(task_id, task_name=self.name)

    # What a run does with itself.

    def retry(
        self,
        args: Any = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry:
        """
        End this run, and run the task again later.

        Raise Retry, or return it without `throw`; then the run ends with it when the
        function returns. Raise `exc`, or MaxRetriesExceededError without one, if the
        task has been retried `max_retries` times. In a plain call, raise `exc`.
        """
        for name in options:
            warn(f"{name} in {self.name}.retry() has no effect: a retry keeps it.")
        if countdown is None:
            countdown = self.default_retry_delay
        limit = self.max_retries if max_retries is None else max_retries
        when = aware(eta) if eta else countdown
        return retry(
            self, args, kwargs, exc=exc, when=when, max_retries=limit, throw=throw
        )

    def update_state(
        self,
        task_id: str | None = None,
        state: str | None = None,
        meta: Any = None,
        **kwargs: Any,
    ) -> None:
        """
        Report a state and its meta, which AsyncResult shows while the task runs.

        Do nothing outside of a worker. Raise InvalidCall for another task's id.
        """
        request = self.request
        if task_id is not None and task_id != request.id:
            raise InvalidCall(
                "update_state() changes the run that calls it; leave task_id out."
            )
        request.state = state or states.STARTED
        if request.context is not None:
            request.context.progress(*pack(request.state, meta))

    def __getattr__(self, name: str) -> Any:
        if name in _REFUSED:
            raise InvalidCall(f"{self.name}.{name}() {_REFUSED[name]}.")
        raise AttributeError(f"The task {self.name} has no attribute {name!r}.")

    def __repr__(self) -> str:
        return f"<@task: {self.name}>"


#: Methods of Celery's tasks that need workflows: what to write instead.
_REFUSED = {
    "map": "needs workflows, which taskhub does not have; write the loop in a task",
    "starmap": "needs workflows, which taskhub does not have; write the loop in a task",
    "chunks": "needs workflows, which taskhub does not have; enqueue a task for each "
    "slice, with a group",
    "replace": "needs workflows, which taskhub does not have; enqueue the other task",
    "add_to_chord": "needs workflows, which taskhub does not have",
    "send_event": "has no receivers; taskhub's rows show what tasks do",
}
