"""
`self.request`: what a task can read about its current run.

The runs of a thread are a stack, since a task may call another one, or itself. The top
of the stack is `current_task`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

from taskhub.interop.celery import database
from taskhub.interop.celery.arguments import arguments_of
from taskhub.interop.celery.priorities import celery_priority_of
from taskhub.tasks import Context as TaskContext

if TYPE_CHECKING:
    from taskhub.interop.celery.app.task import Task
    from taskhub.interop.celery.exceptions import Retry


class Context:
    """
    One run of a task, with Celery's names. What taskhub has no value for is None.

    Headers that the caller has passed are attributes, too, as in Celery.
    `called_directly` is True in a plain call, outside of a worker.
    """

    callbacks = errbacks = chain = chord = group = group_index = None
    correlation_id = reply_to = origin = shadow = taskset = timelimit = None
    logfile = loglevel = None
    utc = True

    def __init__(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **known: Any,
    ) -> None:
        self.args = list(args)
        self.kwargs = dict(kwargs or {})
        self.id: str | None = None
        self.task = ""
        self.retries = 0
        self.eta: str | None = None
        self.expires: str | None = None
        self.hostname: str | None = None
        self.headers: dict[str, Any] | None = None
        self.delivery_info: dict[str, Any] = {}
        self.is_eager = False
        self.called_directly = True
        self.ignore_result = False
        #: taskhub's own context; None outside of a worker.
        self.context: TaskContext | None = None
        #: Set by `self.retry(throw=False)`: the run ends with it.
        self.retry_later: Retry | None = None
        #: The last state that the task has set itself.
        self.state = ""
        #: Whether Task.__call__ has been called for this run.
        self.is_inside = False
        self.__dict__.update(known)

    @classmethod
    def of_run(
        cls, task: "Task", context: TaskContext, args: Sequence[Any], kwargs: Any
    ) -> "Context":
        """Return the context of a run in a worker."""
        result: Any = context.task_result
        variant: Any = result.task
        retries = result.failures
        if retries and (row := database.find_row(result.id)):
            # The retry may have changed the arguments.
            args, kwargs = arguments_of(row)
        after: datetime | None = variant.run_after
        expires_after = variant.expires_after
        enqueued_at = result.enqueued_at
        due = enqueued_at if after is None else max(after, enqueued_at)
        return cls(
            args,
            kwargs,
            id=result.id,
            correlation_id=result.id,
            task=task.name,
            retries=retries,
            eta=after and after.isoformat(),
            expires=expires_after and (due + expires_after).isoformat(),
            hostname=result.worker_ids[-1] if result.worker_ids else None,
            headers=(variant.meta or {}).get("headers"),
            delivery_info={
                "exchange": "",
                "routing_key": variant.queue_name,
                "priority": celery_priority_of(variant.priority),
                "redelivered": context.attempt > 1 + retries,
            },
            timelimit=[task.time_limit, task.soft_time_limit],
            ignore_result=bool(task.ignore_result),
            called_directly=False,
            context=context,
        )

    @property
    def parent_id(self) -> str | None:
        """The id of the result whose run has enqueued this one. One query."""
        return database.parent_of(self.id) if self.id and not self.is_eager else None

    @property
    def root_id(self) -> str | None:
        """The id of the first in the line of parents. One query for each parent."""
        return database.root_of(self.id) if self.id and not self.is_eager else self.id

    @property
    def children(self) -> list[str]:
        """The ids of the results that this run has enqueued. One query."""
        return database.children_of(self.id) if self.id and not self.is_eager else []

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the default."""
        return getattr(self, name, default)

    def __getattr__(self, name: str) -> Any:
        headers = self.__dict__.get("headers") or {}
        if name in headers:
            return headers[name]
        raise AttributeError(f"self.request has no attribute or header {name!r}.")

    def __repr__(self) -> str:
        # The arguments may be secret.
        return f"<Context: {self.task}[{self.id}]>"


_stack: ContextVar[tuple[tuple["Task", Context], ...]] = ContextVar(
    "taskhub.celery.stack", default=()
)


@contextmanager
def pushed(task: "Task", request: Context) -> Iterator[None]:
    """Make a run the current one within the block."""
    token = _stack.set((*_stack.get(), (task, request)))
    try:
        yield
    finally:
        _stack.reset(token)


def request_of(task: "Task") -> Context | None:
    """Return the innermost current run of a task; None if it has none."""
    for running, request in reversed(_stack.get()):
        if running is task:
            return request
    return None


def running_task() -> "Task | None":
    """Return the task whose run is the current one."""
    stack = _stack.get()
    return stack[-1][0] if stack else None
