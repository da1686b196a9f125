"""`Ran`: what `TaskHub.run()` has run."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from taskhub.exceptions import TaskFailed
from taskhub.models import Status, TaskResult
from taskhub.models.results.querysets import HasPath
from taskhub.testing.paths import path_of


class RanResult(msgspec.Struct, kw_only=True):
    """One result that was run: its latest state, and its attempts in this run."""

    id: UUID
    task_path: str
    #: None if the row is gone.
    status: Status | None = None
    return_value: Any = None
    #: The exception of its last attempt; None if that did not raise.
    error: BaseException | None = None
    #: The pauses before its retries.
    pauses: list[timedelta] = []


class Ran:
    """
    The results that were run, in the order in which they were first started.

    It is true, and has a length, if any was run.
    """

    def __init__(self, results: Iterable[RanResult]) -> None:
        self._results = list(results)

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        counts = Counter((each.task_path, each.status) for each in self._results)
        parts = [
            f"{path} {count} {status.value if status else 'not kept'}"
            for (path, status), count in counts.items()
        ]
        return f"<Ran {len(self)}{': ' if parts else ''}{', '.join(parts)}>"

    def of(self, task: HasPath) -> "Ran":
        """Return what was run of one task."""
        path = path_of(task)
        return Ran(each for each in self._results if each.task_path == path)

    @property
    def successful(self) -> int:
        """How many results succeeded."""
        return self._count(Status.SUCCESSFUL)

    @property
    def failed(self) -> int:
        """How many results failed."""
        return self._count(Status.FAILED)

    @property
    def cancelled(self) -> int:
        """How many results were cancelled or had expired."""
        return self._count(Status.CANCELLED)

    @property
    def on_hold(self) -> int:
        """How many results wait for a decision after a worker's death."""
        return self._count(Status.ON_HOLD)

    @property
    def waiting(self) -> int:
        """How many results wait for another attempt."""
        return self._count(Status.READY)

    def _count(self, status: Status) -> int:
        return sum(each.status == status for each in self._results)

    @property
    def results(self) -> list[TaskResult]:
        """The rows of the results, read from the database now; some are not kept."""
        rows = TaskResult.writing.in_bulk([each.id for each in self._results])
        return [rows[each.id] for each in self._results if each.id in rows]

    @property
    def return_values(self) -> list[Any]:
        """What the successful results returned, as rows store it."""
        return [
            each.return_value
            for each in self._results
            if each.status == Status.SUCCESSFUL
        ]

    @property
    def pauses(self) -> list[timedelta]:
        """How long a worker would have waited before each retry."""
        return [pause for each in self._results for pause in each.pauses]

    @property
    def errors(self) -> list[BaseException]:
        """The exceptions of the results that failed."""
        return [
            each.error or TaskFailed(f"{each.task_path} was not run; see its row.")
            for each in self._results
            if each.status == Status.FAILED
        ]

    def raise_first_failure(self) -> None:
        """Raise the exception of the first result that failed, if any has."""
        failed = [each for each in self._results if each.status == Status.FAILED]
        if not failed:
            return
        first = failed[0]
        if first.error is None:
            # Its function was not called. The row says why, and get() raises it.
            TaskResult.writing.get(pk=first.id).get()
            return
        first.error.add_note(f"Raised by {first.task_path}, result {first.id}.")
        raise first.error
