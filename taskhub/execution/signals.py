"""Signals about a run, Django's and `task_retried`, and the result that they carry."""

import logging
from datetime import timedelta

from taskhub.compat import django_tasks as compat
from taskhub.execution.runs import Run
from taskhub.models import Status
from taskhub.signals import task_retried
from taskhub.tasks.finished_signal import tell_finished
from taskhub.writer import Outcome

logger = logging.getLogger(__name__)


class Signals:
    """Sends the signals of one backend."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def send_started(self, run: Run) -> None:
        """Send `task_started`. Receivers that raise are logged, and the task runs."""
        backend = compat.task_backends[self._alias]
        try:
            compat.task_started.send_robust(type(backend), task_result=run.result())
        except BaseException:
            # For example SystemExit, which send_robust() does not catch.
            logger.exception("A receiver of %s raised.", run.task.module_path)

    def send_finished(self, run: Run, outcome: Outcome, expected: str = "") -> None:
        """
        Send `task_finished` for a result that no attempt follows.

        `expected` says why a failure is no error. Do nothing for a cancelled run: the
        process that cancelled it sends the signal. Called while the exception that
        ended the result, if any, is handled: receivers read it from sys.exc_info().
        """
        if run.interrupt.is_cancelled:
            return
        if outcome.status is Status.CANCELLED:
            expected = outcome.attempt.errors[-1]["message"]
        result = run.result(
            outcome.status,
            finished_at=outcome.finished_at,
            return_value=outcome.return_value,
        )
        tell_finished(self._alias, result, expected=expected)

    def send_retried(self, run: Run, error: BaseException, pause: timedelta) -> None:
        """Send `task_retried` for an attempt that has failed and is to be retried."""
        if not task_retried.receivers:
            return
        sender = type(compat.task_backends[self._alias])
        try:
            task_retried.send_robust(
                sender, task_result=run.result(Status.READY), error=error, pause=pause
            )
        except BaseException:
            # For example SystemExit, which send_robust() does not catch.
            logger.exception("A receiver of %s raised.", run.task.module_path)
