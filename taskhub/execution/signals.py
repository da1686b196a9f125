"""Django's signals of a run, and its result as they show it."""

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
    """Show in its result that a run is under way, and how earlier attempts failed."""
    attempt, result = run.attempt, run.result
    result.change("status", compat.TaskResultStatus.RUNNING)
    result.change("started_at", attempt.first_started_at)
    result.change("last_attempted_at", attempt.started_at)
    result.change("worker_ids", list(attempt.worker_ids))
    errors = [AttemptError.from_entry(entry) for entry in attempt.errors]
    result.change("errors", errors)


class Signals:
    """Tells the receivers of one backend's signals."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def tell_start(self, run: Run) -> None:
        """Tell that a run has started."""
        show_attempt(run)
        self._send(compat.task_started, run)

    def tell_success(self, run: Run, outcome: Outcome) -> None:
        """Tell that a run was successful."""
        run.result.change("_return_value", outcome.return_value)
        self.tell_end(run, outcome)

    def tell_end(self, run: Run, outcome: Outcome) -> None:
        """Tell that no attempt follows this run, unless whoever cancelled it has."""
        if run.interrupt.is_cancelled:
            return
        is_meant = outcome.status is Status.CANCELLED
        status = Status.FAILED if is_meant else outcome.status
        run.result.change("finished_at", outcome.finished_at)
        run.result.change("status", compat.TaskResultStatus(status.value))
        tell_finished(self._alias, run.result, is_meant=is_meant)

    def tell_given_up(self, run: Run, outcome: Outcome) -> None:
        """Tell that a result has ended without a run; in an exception's handler."""
        if compat.is_heard(compat.task_finished):
            show_attempt(run)
            self.tell_end(run, outcome)

    def _send(self, signal: Any, run: Run) -> None:
        # Robust: a receiver that fails is logged by Django, and the task goes on.
        backend = compat.task_backends[self._alias]
        try:
            signal.send_robust(type(backend), task_result=run.result)
        except BaseException:
            # SystemExit, for which "robust" is not meant.
            logger.exception("A receiver of %s raised.", run.task.module_path)
