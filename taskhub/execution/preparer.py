"""The preparer: makes a run of a delivery, or ends it if there is nothing to run."""

import logging
from datetime import UTC, datetime
from typing import Any

from taskhub.conf import Config
from taskhub.exceptions import (
    BadMessage,
    InvalidArguments,
    OnHold,
    TaskExpired,
    UnknownTask,
    WorkerDied,
)
from taskhub.execution.interrupts import Interrupt
from taskhub.execution.logs import RunLog
from taskhub.execution.refusals import Refusals
from taskhub.execution.runs import Run
from taskhub.execution.signals import Signals
from taskhub.execution.waiting_for_code import WaitingForCode
from taskhub.foundation.clock import utc_now
from taskhub.messages import (
    Delivery,
    Message,
    Returned,
    check_place,
    max_message_bytes,
    unseal,
)
from taskhub.models import Status
from taskhub.tasks import Task, find_task, misfit_of
from taskhub.tasks.finished_signal import task_of
from taskhub.writer import (
    Attempt,
    Ended,
    NotDue,
    Outcome,
    Quarantined,
    claim,
    deaths_of,
)
from taskhub.writer.errors import cause_of, describe_failure

#: After this number of deaths, the message is suspected to be the reason.
_SUSPECT_DEATHS = 2

_UNKNOWN_OUTCOME = (
    "Its worker process ended while it ran the task, so it may have done its work, or "
    "a part of it."
)

logger = logging.getLogger(__name__)


class Preparer:
    """
    Opens deliveries and begins attempts, for one worker process. For any thread.

    An exception that these methods raise is a fault of the database or of taskhub.
    """

    def __init__(self, config: Config, worker_id: str) -> None:
        self._alias = config.alias
        self._keys = config.signing_keys
        self._max_message_bytes = max_message_bytes(config.options.max_argument_bytes)
        self._max_redeliveries = config.options.max_redeliveries
        self._worker_id = worker_id
        self._waiting = WaitingForCode()
        self._refusals = Refusals(config, worker_id, self._max_message_bytes)
        self._signals = Signals(config.alias)

    def must_run_exclusively(self, delivery: Delivery) -> bool:
        """
        Whether a message may have killed processes: more than one has died with it.

        One death proves little, because all runs of a process die together. But if the
        second death would fail the task, one death is enough. Query the database only
        for a message that came back from a dead process.
        """
        if not delivery.has_killed:
            return False
        try:
            message = self._open(delivery)
            limit = self._limit_of(find_task(message.task_path))
        except (BadMessage, UnknownTask):
            return self._max_redeliveries < _SUSPECT_DEATHS
        if limit < _SUSPECT_DEATHS:
            return True
        holder = delivery.returned.holder if delivery.returned else ""
        # Count the last death separately: the claim will write it into the row.
        return deaths_of(message.id, besides=holder) + 1 >= _SUSPECT_DEATHS

    def prepare(self, delivery: Delivery) -> Run | Ended:
        """
        Open a delivery and begin an attempt. If nothing is to be run, return the end.

        Query the database only for a message that came back or is refused.
        """
        try:
            message = self._open(delivery)
        except BadMessage as error:
            return self._refuse(delivery, error)
        misfit = misfit_of(message.task_path, message.args, message.kwargs)
        if misfit and (again := self._waiting.due_again(message, misfit)):
            return Ended(delivery, due_again=again)
        attempt: Attempt | NotDue | None = Attempt.first(message, self._worker_id)
        always_claimed = _is_always_claimed(message.task_path)
        if delivery.returned is not None or always_claimed:
            attempt = claim(
                message,
                self._worker_id,
                delivery.returned,
                always_claimed=always_claimed,
            )
        if attempt is None:
            return Ended(delivery)
        if isinstance(attempt, NotDue):
            return Ended(delivery, due_again=datetime.now(UTC) + attempt.wait)
        try:
            task = self._check(attempt, misfit)
        except OnHold as error:
            return self._hold(delivery, attempt, error)
        except (UnknownTask, InvalidArguments, WorkerDied, TaskExpired) as error:
            return self._give_up(delivery, attempt, error)
        return Run(delivery, task, attempt, Interrupt(), RunLog())

    def _refuse(self, delivery: Delivery, error: BadMessage) -> Ended:
        verdict = self._refusals.judge(delivery, error)
        if isinstance(verdict, Ended):
            return verdict
        came_back = delivery.returned or Returned("", died=False)
        attempt = claim(verdict.message, self._worker_id, came_back)
        if not isinstance(attempt, Attempt):
            return Ended(delivery)
        try:
            # Raise the error, since Django logs a failure with the current exception.
            raise verdict.error from None
        except BadMessage as reason:
            return self._give_up(delivery, attempt, reason)

    def _open(self, delivery: Delivery) -> Message:
        """Return the message of a delivery. Raise BadMessage if it is not valid."""
        if delivery.message is not None:
            return delivery.message
        message = unseal(
            delivery.body,
            self._keys,
            max_bytes=self._max_message_bytes,
            size=delivery.size,
        )
        check_place(message, delivery.id, delivery.queue_name, self._alias)
        return message

    def _check(self, attempt: Attempt, misfit: str) -> Task[..., Any, Any]:
        """Return the task to run. If it must not run, raise the error for its row."""
        message = attempt.message
        task = find_task(message.task_path)
        if attempt.follows_unknown and task.on_worker_death != "retry":
            kind = OnHold if task.on_worker_death == "hold" else WorkerDied
            raise kind(_UNKNOWN_OUTCOME)
        if attempt.deaths > self._limit_of(task):
            raise WorkerDied(
                f"It was given up after {attempt.deaths} worker processes died with it."
            )
        if message.expires_at and message.expires_at <= utc_now():
            raise TaskExpired(f"It expired at {message.expires_at.isoformat()}.")
        if misfit:
            raise InvalidArguments(misfit)
        return task

    def _limit_of(self, task: Task[..., Any, Any]) -> int:
        """Return how many worker processes may die with a task."""
        own = task.max_redeliveries
        return self._max_redeliveries if own is None else own

    def _hold(self, delivery: Delivery, attempt: Attempt, error: OnHold) -> Ended:
        """End an attempt without a call, until a person decides about the result."""
        entry = describe_failure(error, attempt, hide=__file__)
        # The operator needs the sentence, and not the frames of the preparer.
        attempt.errors = [*attempt.errors, entry | {"traceback": ""}]
        outcome = Outcome(
            attempt=attempt, status=Status.ON_HOLD, finished_at=attempt.started_at
        )
        logger.error(
            "Task id=%s path=%s is on hold: %s",
            attempt.message.id,
            attempt.message.task_path,
            error,
        )
        return Ended(delivery, outcome)

    def _give_up(self, delivery: Delivery, attempt: Attempt, error: Exception) -> Ended:
        """End an attempt without a call; quarantine the message of an unknown task."""
        expired = isinstance(error, TaskExpired)
        entry = describe_failure(error, attempt, hide=__file__)
        attempt.errors = [*attempt.errors, entry]
        outcome = Outcome(
            attempt=attempt,
            status=Status.CANCELLED if expired else Status.FAILED,
            finished_at=attempt.started_at,
            was_started=delivery.redelivered,
            cause="" if expired else cause_of(entry),
        )
        task = task_of(attempt.message.task_path, attempt.message)
        run = Run(delivery, task, attempt, Interrupt(), RunLog())
        self._signals.send_finished(run, outcome)
        unknown = isinstance(error, UnknownTask)
        quarantined = Quarantined(delivery, str(error), self._worker_id)
        return Ended(delivery, outcome, quarantined if unknown else None)


def _is_always_claimed(path: str) -> bool:
    """Whether each attempt of a task is written into the row before it begins."""
    try:
        return find_task(path).on_worker_death != "retry"
    except UnknownTask:
        return False
