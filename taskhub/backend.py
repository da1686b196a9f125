"""
The tasks backend that Django creates from an entry of `TASKS`.

Django creates a backend for each thread and async context, so a backend has no state
except its configuration. `@task` imports this module while apps are still loading, so
functions import models only when they are called.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from django.core.checks import CheckMessage, Error
from django.views.decorators.debug import sensitive_variables

from taskhub.brokers import find_broker
from taskhub.compat import django_tasks as compat
from taskhub.conf import Options, name_fault, read_config
from taskhub.exceptions import InvalidBrokerURL
from taskhub.foundation.nearest import did_you_mean
from taskhub.tasks import Result, Task, as_enqueued, find_task
from taskhub.tasks.arguments import Arguments
from taskhub.tasks.calls import Call, LooseCall, read_calls

if TYPE_CHECKING:
    from taskhub.models import TaskResult, TaskResultQuerySet

P = ParamSpec("P")
R = TypeVar("R")

_MAX_PATH_LENGTH = 255


class TaskHubBackend(compat.BaseTaskBackend):
    """Runs tasks on taskhub's workers, with a row for each result."""

    task_class = Task

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True
    #: Whether results are `TaskResult` rows, and `enqueue_many` is one INSERT.
    keeps_rows = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        self.config = read_config(alias, params)
        # Not those of `params`: Django would make a set of letters of a string.
        super().__init__(alias, {**params, "QUEUES": self.config.queues})
        #: One line for each error in the settings.
        self.faults = list(self.config.faults)
        try:
            find_broker(self.config.options.broker_url)
        except InvalidBrokerURL as error:
            self.faults.append(str(error))

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return an error for each fault in the settings; see also taskhub/checks/."""
        names = ", ".join(field.name for field in msgspec.structs.fields(Options))
        return [
            Error(fault, id="taskhub.E001", hint=f"The OPTIONS are {names}.")
            for fault in self.faults
        ]

    def validate_task(self, task: "compat.Task[..., Any]") -> None:
        """Raise InvalidTask if this backend cannot run the task."""
        if fault := self._queue_fault(task.queue_name):
            # The message begins as Django's own.
            raise compat.InvalidTask(
                f"Queue {task.queue_name!r} is not valid for backend. {fault}"
            )
        super().validate_task(task)
        if len(task.module_path) > _MAX_PATH_LENGTH:
            raise compat.InvalidTask(
                f"The path {task.module_path!r} is longer than {_MAX_PATH_LENGTH} "
                "characters; give the function or its module a shorter name."
            )

    def _queue_fault(self, name: object) -> str:
        """Return what is wrong with the queue of a task, or an empty string."""
        if isinstance(name, str) and name in self.queues:
            return ""
        if not self.queues:
            fault = name_fault(name)
            return f"{fault}." if fault else ""
        return (
            f"Queue {name!r} is not in TASKS[{self.alias!r}]['QUEUES']"
            f"{did_you_mean(str(name), self.queues)}"
        )

    # Hide the arguments from Django's error pages and mails.
    @sensitive_variables()
    def enqueue(
        self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Result[Any]:
        """Enqueue one run, and return its result. Raise as producer.enqueue() does."""
        (result,) = self._enqueue(task, [(args, kwargs)])
        return result

    @sensitive_variables()
    def enqueue_as(
        self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result_id: UUID
    ) -> Result[Any]:
        """Enqueue one run whose result gets this id, a UUID of version 7."""
        (result,) = self._enqueue(task, [(args, kwargs)], result_id=result_id)
        return result

    aenqueue = sensitive_variables()(compat.BaseTaskBackend.aenqueue)

    @sensitive_variables()
    def enqueue_many(
        self, task: Task[P, R, Any], calls: Iterable[Call[P] | LooseCall]
    ) -> list[Result[R]]:
        """Enqueue many runs with one INSERT and one push; see Task.enqueue_many()."""
        return self._enqueue(task, read_calls(calls))

    @sensitive_variables()
    async def aenqueue_many(
        self, task: Task[P, R, Any], calls: Iterable[Call[P] | LooseCall]
    ) -> list[Result[R]]:
        """See enqueue_many()."""
        return await sync_to_async(self.enqueue_many)(task, calls)

    def _enqueue(
        self,
        task: "compat.Task[..., Any]",
        calls: Sequence[Arguments],
        *,
        result_id: UUID | None = None,
    ) -> list[Result[Any]]:
        from taskhub import producer

        if self.faults:
            raise compat.InvalidTaskBackend(" ".join(self.faults))
        due_task = self._as_due(task)
        self.validate_task(due_task)
        if result_id is None:
            rows = producer.enqueue(self.config, due_task, calls)
        else:
            rows = [producer.enqueue_as(self.config, due_task, calls[0], result_id)]
        results: list[Result[Any]] = [
            Result.from_enqueued(due_task, row) for row in rows
        ]
        for result in results:
            compat.task_enqueued.send(type(self), task_result=result)
        return results

    def _as_due(self, task: "compat.Task[..., Any]") -> Task[..., Any, Any]:
        """Return this backend's variant of any task, with `run_after` from `run_in`."""
        if isinstance(task, Task) and task.backend == self.alias:
            return task if task.run_in is None else task.due()
        return self.task_class.of(task, backend=self.alias).due()

    def get_result(self, result_id: str) -> Result[Any]:
        """
        Return a result as `django.tasks` shows it.

        Raise TaskResultDoesNotExist if there is no row with this id, and UnknownTask if
        the row's task is not registered (any more).
        """
        row = self.get_row(result_id)
        return Result.from_row(as_enqueued(find_task(row.task_path), row), row)

    async def aget_result(self, result_id: str) -> Result[Any]:
        """See get_result()."""
        return await sync_to_async(self.get_result)(result_id)

    def get_row(self, result_id: str) -> "TaskResult":
        """Return the row of a result. Raise TaskResultDoesNotExist if there is none."""
        row = self._rows.filter(pk=_parse_id(result_id)).first()
        if row is None:
            raise compat.TaskResultDoesNotExist(result_id)
        return row

    def wait_for(self, result: Result[Any], timeout: float | None) -> "TaskResult":
        """
        Block until a result is finished, and return its row.

        Raise ResultTimeout after `timeout` seconds, ResultNotKept if no row can come.
        """
        from taskhub.models.results.waiting import wait_for

        pk = _parse_id(result.id)
        return wait_for(self._rows, pk, timeout, row_expected=_has_row(result))

    async def await_for(
        self,
        result: Result[Any],
        timeout: float | None,
    ) -> "TaskResult":
        """See wait_for()."""
        from taskhub.models.results.waiting import await_for

        pk = _parse_id(result.id)
        return await await_for(self._rows, pk, timeout, row_expected=_has_row(result))

    @property
    def _rows(self) -> "TaskResultQuerySet":
        from taskhub.models import TaskResult

        return TaskResult.writing.all()


def _parse_id(result_id: str) -> UUID:
    """Return an id as a UUID. Raise TaskResultDoesNotExist if it is not a UUID."""
    try:
        return UUID(result_id)
    except (ValueError, TypeError, AttributeError):
        raise compat.TaskResultDoesNotExist(result_id) from None


def _has_row(result: Result[Any]) -> bool:
    """Whether a result has a row before it is finished."""
    task: Any = result.task
    return bool(task.durable)
