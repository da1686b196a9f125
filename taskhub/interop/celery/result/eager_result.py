"""`EagerResult`: the result of a run in this process, which has no row."""

from typing import Any

from taskhub.exceptions import TaskFailed
from taskhub.interop.celery import states
from taskhub.interop.celery.result.async_result import AsyncResult


class EagerResult(AsyncResult):
    """The result of a run in this process."""

    def __init__(
        self,
        id: str,
        ret_value: Any,
        state: str,
        traceback: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(id, task_name=name)
        self._state = state
        self._value = ret_value
        self._traceback = traceback

    @property
    def row(self) -> None:
        return None

    @property
    def state(self) -> str:
        return self._state

    status = state

    @property
    def result(self) -> Any:
        return self._value

    info = result

    @property
    def children(self) -> list[AsyncResult]:
        return []

    @property
    def parent(self) -> None:
        return None

    @property
    def traceback(self) -> str | None:
        return self._traceback

    def _wait(
        self, timeout: float | None, propagate: bool, disable_sync_subtasks: bool
    ) -> Any:
        if propagate and self._state in states.PROPAGATE_STATES:
            raise _as_error(self._value, self._traceback)
        return self._value

    def revoke(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the task has run."""

    def forget(self) -> None:
        """Do nothing: there is no row."""


def _as_error(value: Any, traceback: str | None) -> BaseException:
    if isinstance(value, BaseException):
        return value
    return TaskFailed("The task failed.", traceback=traceback or "")
