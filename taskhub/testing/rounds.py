"""A round: everything that is due is run, until nothing is due any more."""

from collections import Counter
from contextvars import ContextVar
from uuid import UUID

from taskhub.conf import find_config
from taskhub.foundation.clock import is_set, utc_now
from taskhub.inline import InlineEnd, InlineRunner
from taskhub.inline.runner import bring_forward
from taskhub.messages import Returned
from taskhub.models import Status, TaskResult
from taskhub.models.results.querysets import HasPath
from taskhub.outbox import returned_of
from taskhub.testing.due import Due
from taskhub.testing.ran import Ran, RanResult

#: The results whose tasks have led here: a task may run others.
under_way: ContextVar[frozenset[UUID]] = ContextVar(
    "taskhub.under_way", default=frozenset()
)


class Runners:
    """An inline runner for each backend."""

    def __init__(self) -> None:
        self._by_backend: dict[str, InlineRunner] = {}

    def of(self, backend: str) -> InlineRunner:
        """Return the runner of a backend; a new one if its settings have changed."""
        config = find_config(backend)
        assert config is not None  # noqa: S101  only taskhub's results are due
        runner = self._by_backend.get(backend)
        if runner is None or runner.config is not config:
            runner = self._by_backend[backend] = InlineRunner(config)
        return runner

    def write_metrics(self) -> None:
        for runner in self._by_backend.values():
            runner.write_metrics()


class Round:
    """Runs the due results of one task, or of all tasks if it is None."""

    def __init__(self, runners: Runners, task: HasPath | None) -> None:
        self._runners = runners
        self._due = Due(task)
        self._ran: dict[UUID, RanResult] = {}
        #: Results that no worker could run now.
        self._postponed: set[UUID] = set()

    def run(self, limit: int) -> Ran:
        """Run attempts until nothing is due. Raise AssertionError after `limit`."""
        for _ in range(limit):
            row = self._next()
            if row is None:
                self._runners.write_metrics()
                return Ran(self._ran.values())
            reset = under_way.set(under_way.get() | {row.pk})
            try:
                self._run(row)
            finally:
                under_way.reset(reset)
        paths = Counter(each.task_path for each in self._ran.values())
        raise AssertionError(
            f"After {limit:,} attempts, results are still due; most were of "
            f"{paths.most_common(1)[0][0]}. If tasks do not enqueue each other "
            "endlessly, pass a higher limit to run()."
        )

    def _next(self) -> TaskResult | None:
        besides = self._postponed | under_way.get()
        return next(self._due.find(besides=besides), None)

    def _run(self, row: TaskResult) -> None:
        end = self._runners.of(row.backend).run(row, returned=returned_now(row))
        ran = self._ran.setdefault(
            row.pk, RanResult(id=row.pk, task_path=row.task_path)
        )
        ran.error = end.error
        if end.outcome is None:
            rows = TaskResult.writing.filter(pk=row.pk)
            status = rows.values_list("status", flat=True).first()
            ran.status = None if status is None else Status(status)
        else:
            ran.status = end.outcome.status
            ran.return_value = end.outcome.return_value
        self._prepare_next(row, end, ran)

    def _prepare_next(self, row: TaskResult, end: InlineEnd, ran: RanResult) -> None:
        if end.is_postponed:
            self._postponed.add(row.pk)
        if end.pause is None:
            return
        ran.pauses.append(end.pause)
        if is_set():
            due_at = utc_now() + end.pause
            TaskResult.writing.filter(pk=row.pk).update(run_after=due_at)
        else:
            self._due.brought_forward.add(row.pk)


def returned_now(row: TaskResult) -> Returned | None:
    """Return how the message of a due row has come back; None if it never started."""
    if not row.attempts:
        return Returned.parse(row.returned)
    bring_forward(row)
    return returned_of(row)
