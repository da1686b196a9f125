"""`AsyncResult`: a result, whose row is read when an attribute is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from taskhub.exceptions import ResultTimeout, TaskCancelled, TaskFailed
from taskhub.foundation.current import current_result
from taskhub.interop.celery import database, states
from taskhub.interop.celery.arguments import arguments_of
from taskhub.interop.celery.exceptions import TaskRevokedError, TimeoutError
from taskhub.interop.celery.progress import unpack
from taskhub.interop.celery.result.outcomes import error_of, retries_of, state_of

if TYPE_CHECKING:
    from taskhub.models import TaskResult


#: Whether tasks may wait for results.
_may_join: ContextVar[bool] = ContextVar("taskhub.celery.may_join", default=False)


@contextmanager
def allow_join_result() -> Iterator[None]:
    """Let a task wait for results within the block."""
    token = _may_join.set(True)
    try:
        yield
    finally:
        _may_join.reset(token)


class AsyncResult:
    """
    The result with an id, as Celery shows it. Each attribute reads the row.

    A result without a row is PENDING, as in Celery: it is unknown, or it was deleted.
    Raise ValueError without an id.
    """

    def __init__(
        self,
        id: str,
        backend: Any = None,
        task_name: str | None = None,
        app: Any = None,
        parent: Any = None,
    ) -> None:
        if id is None:
            raise ValueError("AsyncResult needs the id of a result, not None.")
        self.id = str(id)
        self.task_name = task_name
        #: Whether the task has `ignore_result`, so that there is nothing to wait for.
        self.ignored = False

    @property
    def task_id(self) -> str:
        return self.id

    @property
    def row(self) -> "TaskResult | None":
        """The `TaskResult` row, read from the database now; None if there is none."""
        return database.find_row(self.id)

    @property
    def state(self) -> str:
        """One of Celery's states, or the one that `update_state()` has reported."""
        return state_of(self.row)

    status = state

    @property
    def result(self) -> Any:
        """The return value, the exception, or the meta of `update_state()`."""
        row = self.row
        if row is None:
            return None
        if row.status == "SUCCESSFUL":
            return row.return_value
        if row.errors and row.status != "RUNNING":
            return error_of(row)
        reported = unpack(row.progress) if row.status == "RUNNING" else None
        return reported[1] if reported else None

    info = result

    @property
    def traceback(self) -> str | None:
        """The traceback of the last failed attempt."""
        row = self.row
        return row.errors[-1].get("traceback") if row and row.errors else None

    @property
    def date_done(self) -> Any:
        return self._read("finished_at")

    @property
    def name(self) -> Any:
        return self._read("task_path") or self.task_name

    @property
    def args(self) -> Any:
        row = self.row
        return None if row is None else arguments_of(row)[0]

    @property
    def kwargs(self) -> Any:
        row = self.row
        return None if row is None else arguments_of(row)[1]

    @property
    def queue(self) -> Any:
        return self._read("queue_name")

    @property
    def worker(self) -> str | None:
        """The worker process of the last attempt."""
        workers = self._read("worker_ids")
        return str(workers[-1]) if workers else None

    @property
    def retries(self) -> int:
        """How many times the task was retried."""
        row = self.row
        return 0 if row is None else retries_of(row)

    @property
    def children(self) -> "list[AsyncResult]":
        """The results that the task has enqueued."""
        return [AsyncResult(each) for each in database.children_of(self.id)]

    @property
    def parent(self) -> "AsyncResult | None":
        """The result whose task has enqueued this one."""
        parent = database.parent_of(self.id)
        return None if parent is None else AsyncResult(parent)

    def ready(self) -> bool:
        """Whether the task has finished."""
        return self.state in states.READY_STATES

    def successful(self) -> bool:
        return self.state == states.SUCCESS

    def failed(self) -> bool:
        return self.state == states.FAILURE

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        *,
        callback: Callable[[str, Any], object] | None = None,
        disable_sync_subtasks: bool = True,
        **ignored: Any,
    ) -> Any:
        """
        Block until the task has finished, up to `timeout` seconds; return its value.

        A `callback` is called with the id and the value. `interval` has no effect.

        Raise TimeoutError if it has not finished in time, TaskRevokedError if it was
        cancelled or has expired, and, with `propagate`, the exception of the task: of
        its own class if this process has loaded it and its message is all it needs, or
        else TaskFailed. Raise RuntimeError in a task, unless `disable_sync_subtasks` is
        False, and ResultNotKept if there is no row. An ignored result is None at once.
        """
        if self.ignored:
            return None
        value = self._wait(timeout, propagate, disable_sync_subtasks)
        if callback is not None:
            callback(self.id, value)
        return value

    wait = get

    def _wait(
        self, timeout: float | None, propagate: bool, disable_sync_subtasks: bool
    ) -> Any:
        if disable_sync_subtasks and not _may_join.get() and current_result.get():
            raise RuntimeError(
                "Never call result.get() within a task: it may wait for a run that "
                "waits for this process. Pass disable_sync_subtasks=False to allow it."
            )
        row = database.row_of(self.id)
        try:
            return row.get(timeout)
        except ResultTimeout as error:
            raise TimeoutError(str(error)) from None
        except TaskCancelled as error:
            if propagate:
                raise TaskRevokedError(str(error)) from None
            return error
        except TaskFailed as error:
            if propagate:
                raise error_of(row) from error
            return error_of(row)

    def maybe_throw(self, propagate: bool = True, callback: Any = None) -> Any:
        """Raise the exception of the task if it failed; return its value."""
        if not self.ready():
            return None
        return self.get(
            propagate=propagate, callback=callback, disable_sync_subtasks=False
        )

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: Any = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Cancel the result; `terminate` also replaces the process that runs it."""
        database.cancel([self.id], by_force=terminate, reason="It was revoked.")

    def forget(self) -> None:
        """Delete the row of a finished result."""
        database.delete(self.id)

    def _read(self, name: str) -> Any:
        return getattr(self.row, name, None)

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AsyncResult):
            return self.id == other.id
        return self.id == other if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)
