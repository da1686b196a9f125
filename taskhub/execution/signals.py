"""Django's signals about a run, and the result that they carry."""

import logging
from typing import Any

from taskhub.compat import django_tasks as compat
from taskhub.execution.runs import Run
from taskhub.models import Status
from taskhub.tasks import AttemptError
from taskhub.tasks.finished_signal import tell_finished
from taskhub.writer import Outcome

logger = logging.getLogger(__name__)


def show_attempt(run: Run) -> None:
    """Update a run's result: it is running, and has the errors of its attempts."""
    attempt, result = run.attempt, run.result
    result.change("status", compat.TaskResultStatus.RUNNING)
    result.change("started_at", attempt.first_started_at)
    result.change("last_attempted_at", attempt.started_at)
    result.change("worker_ids", list(attempt.worker_ids))
    errors = [AttemptError.from_entry(entry) for entry in attempt.errors]
    result.change("errors", errors)


class Signals:
    """Sends the signals of one backend."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def send_started(self, run: Run) -> None:
        show_attempt(run)
        self._send(compat.task_started, run)

    def send_success(self, run: Run, outcome: Outcome) -> None:
        run.result.change("_return_value", outcome.return_value)
        self.send_finished(run, outcome)

    def send_finished(self, run: Run, outcome: Outcome) -> None:
        """Send that no attempt follows this run, unless its cancellation was sent."""
        if run.interrupt.is_cancelled:
            return
        is_meant = outcome.status is Status.CANCELLED
        status = Status.FAILED if is_meant else outcome.status
        run.result.change("finished_at", outcome.finished_at)
        run.result.change("status", compat.TaskResultStatus(status.value))
        tell_finished(self._alias, run.result, is_meant=is_meant)

    def send_given_up(self, run: Run, outcome: Outcome) -> None:
        """Send that a result has ended without a run; while an exception is handled."""
        if compat.is_heard(compat.task_finished):
            show_attempt(run)
            self.send_finished(run, outcome)

    def _send(self, signal: Any, run: Run) -> None:
        # Django logs a receiver that fails, and the task goes on.
        backend = compat.task_backends[self._alias]
        try:
            signal.send_robust(type(backend), task_result=run.result)
        except BaseException:
            # SystemExit, say, which send_robust() does not catch.
            logger.exception("A receiver of %s raised.", run.task.module_path)
