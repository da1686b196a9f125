"""The pipeline from a delivery to how it ended."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from taskhub import compat
from taskhub.conf import Config
from taskhub.exceptions import (
    BadMessage,
    Retry,
    TaskExpired,
    UnknownTask,
    WorkerDied,
)
from taskhub.execution.errors import cause_of, describe_error
from taskhub.execution.forks import OnlyHere
from taskhub.execution.interrupts import Interrupt
from taskhub.execution.logs import RunLog, current_log
from taskhub.execution.memory import MEBIBYTE, resident_bytes
from taskhub.execution.return_values import StorableValue
from taskhub.execution.runs import Ended, Run
from taskhub.messages import Delivery, Message, unseal
from taskhub.models import Status
from taskhub.models.results import results_database
from taskhub.retries import pause_of
from taskhub.tasks import Context, Task, find_task
from taskhub.tasks.current import current_result
from taskhub.tasks.registry import UNKNOWN_AGAIN, UNKNOWN_FOR, is_registered
from taskhub.writer import (
    Attempt,
    NotDue,
    Outcome,
    Progress,
    Quarantined,
    Tally,
    claim,
    concerns_database,
    deaths_of,
    is_outage,
    write_outcomes,
)

logger = logging.getLogger(__name__)

#: A run of this length is worth a look at how much memory it takes.
_LASTING = timedelta(seconds=1)
#: After so many attempts that ended without an outcome, a failure is one. Each has to
#: wait twice as long as the one before, up to so many seconds.
_MOST_INTERRUPTIONS = 100
_LONGEST_INTERRUPTION_SECONDS = 10
#: So many deaths with one message are hardly by chance.
_OFTEN = 2


class _OvertakenError(Exception):
    """Another attempt has the row by now."""


class Executor:
    """
    Runs deliveries for one worker process.

    `prepare` and `run` may be called from several threads, `arun` on an event loop.
    Whatever a task raises becomes an outcome, SystemExit included; what is raised from
    here is a fault of the database or of taskhub.
    """

    def __init__(
        self,
        config: Config,
        worker_id: str,
        report: Callable[[Progress], None],
        tally: Tally,
    ) -> None:
        self._alias = config.alias
        self._options = config.options
        self._keys = config.signing_keys
        # Arguments, and room for all that is around them.
        self._max_message_bytes = config.options.max_argument_bytes + 64 * 1024
        self._worker_id = worker_id
        self._report = report
        self._tally = tally

    def has_killed_often(self, delivery: Delivery) -> bool:
        """
        Whether more than one process has died with a message: it may well be of it.

        Once is what happens to all that a process, or a node, has under way when it
        dies. Where a second time is the end, once is taken for often. Touches the
        database only for a message that came back from the dead.
        """
        if not delivery.has_killed:
            return False
        if self._options.max_redeliveries < _OFTEN:
            return True
        try:
            message = self._open(delivery)
        except BadMessage:
            return False
        # The last one is not in the row before the claim.
        return deaths_of(message.id) + 1 >= _OFTEN

    def prepare(self, delivery: Delivery) -> Run | Ended:
        """
        Open a delivery and begin an attempt, or say why there is nothing to run.

        Touches the database only for a redelivered message.
        """
        try:
            message = self._open(delivery)
        except BadMessage as error:
            quarantined = Quarantined(delivery, str(error), self._worker_id)
            return Ended(delivery, quarantined=quarantined)
        if again := self._wait_for_code(message):
            return Ended(delivery, due_again=again)
        attempt: Attempt | NotDue | None = Attempt.first(message, self._worker_id)
        if delivery.returned is not None:
            attempt = claim(message, self._worker_id, delivery.returned)
        if attempt is None:
            return Ended(delivery)
        if isinstance(attempt, NotDue):
            return Ended(delivery, due_again=datetime.now(UTC) + attempt.wait)
        try:
            task = self._check(attempt)
        except (UnknownTask, WorkerDied, TaskExpired) as error:
            return self._give_up(delivery, attempt, error)
        return Run(delivery, task, attempt, Interrupt(), RunLog())

    def _wait_for_code(self, message: Message) -> datetime | None:
        """
        Return when to come back to a task that is not registered here, if ever.

        While new code is being deployed, other workers may know it already.
        """
        if is_registered(message.task_path):
            return None
        now = datetime.now(UTC)
        due = max(message.enqueued_at, message.run_after or message.enqueued_at)
        return now + UNKNOWN_AGAIN if now - due < UNKNOWN_FOR else None

    def _open(self, delivery: Delivery) -> Message:
        """Return the message of a delivery. Raise BadMessage if it is none of ours."""
        if delivery.message is not None:
            return delivery.message
        message = unseal(delivery.body, self._keys, max_bytes=self._max_message_bytes)
        if (str(message.id), message.queue_name) != (delivery.id, delivery.queue_name):
            raise BadMessage(
                f"It is about {message.id} in queue {message.queue_name!r}, but came "
                f"as {delivery.id} in {delivery.queue_name!r}."
            )
        return message

    def _check(self, attempt: Attempt) -> Task[..., Any]:
        """Return the task to run. Raise what a row is to say if there is nothing to."""
        message = attempt.message
        task = find_task(message.task_path)
        if attempt.deaths > self._options.max_redeliveries:
            raise WorkerDied(
                f"It was given up after {attempt.deaths} worker processes died with it."
            )
        if message.expires_at and message.expires_at <= attempt.started_at:
            raise TaskExpired(f"It expired at {message.expires_at.isoformat()}.")
        return task

    def _give_up(self, delivery: Delivery, attempt: Attempt, error: Exception) -> Ended:
        """End an attempt without having called its function."""
        expired = isinstance(error, TaskExpired)
        entry = self._describe(attempt, error)
        attempt.errors = [*attempt.errors, entry]
        outcome = Outcome(
            attempt=attempt,
            status=Status.CANCELLED if expired else Status.FAILED,
            finished_at=attempt.started_at,
            was_started=delivery.redelivered,
            cause="" if expired else cause_of(entry),
        )
        unknown = isinstance(error, UnknownTask)
        quarantined = Quarantined(delivery, str(error), self._worker_id)
        return Ended(delivery, outcome, quarantined if unknown else None)

    def run(self, run: Run) -> Ended:
        """Call a sync task's function, and tell how it ended."""
        self._begin(run)
        if run.task.atomic:
            return self._run_atomically(run)
        try:
            stored = self._call(run)
        except BaseException as error:
            return self._interrupted(run, error) or self._fail(run, error)
        return self._succeed(run, self._success(run, stored))

    def _call(self, run: Run) -> StorableValue:
        with OnlyHere(), run.interrupt:
            value = run.task.func(*self._arguments(run), **run.attempt.message.kwargs)
        return StorableValue(value, max_bytes=self._options.max_result_bytes)

    def _run_atomically(self, run: Run) -> Ended:
        """
        Commit the body's database work together with its outcome, or neither.

        If another attempt has overtaken this one, that is found out in the same
        transaction, and nothing of it stays.
        """
        try:
            with transaction.atomic(using=results_database()):
                outcome = self._success(run, self._call(run))
                _write_or_undo(outcome, self._tally)
        except _OvertakenError:
            logger.warning("Undone, since another attempt has it: %s.", run.result.id)
            return self._end(run)
        except BaseException as error:
            return self._interrupted(run, error) or self._fail(run, error)
        self._succeed(run, outcome)
        # It is written already; its message is what is left.
        return self._end(run)

    async def arun(self, run: Run) -> Ended:
        """See run(); for an `async def` task, on the event loop."""
        self._begin(run)
        try:
            with OnlyHere(), run.interrupt.around_async():
                value = await run.task.func(
                    *self._arguments(run), **run.attempt.message.kwargs
                )
            stored = StorableValue(value, max_bytes=self._options.max_result_bytes)
        except BaseException as error:
            given_back = None
            if concerns_database(error):
                given_back = await sync_to_async(self._interrupted)(run, error)
            return given_back or self._fail(run, error)
        return self._succeed(run, self._success(run, stored))

    def _begin(self, run: Run) -> None:
        current_result.set(run.attempt.message.id)
        current_log.set(run.log)
        # Nobody may care for the result as Django shows it, which costs to make.
        if run.task.takes_context or compat.is_heard(compat.task_started):
            self._show_start(run)
            self._send(compat.task_started, run)

    def _show_start(self, run: Run) -> None:
        attempt, result = run.attempt, run.result
        result.change("status", compat.TaskResultStatus.RUNNING)
        result.change("started_at", attempt.first_started_at)
        result.change("last_attempted_at", attempt.started_at)
        result.change("worker_ids", list(attempt.worker_ids))

    def _arguments(self, run: Run) -> list[Any]:
        args = run.attempt.message.args
        if not run.task.takes_context:
            return args
        attempt = run.attempt

        def report(done: float, total: float | None, message: str) -> None:
            self._report(Progress(attempt, done, total, message))

        tick_at = attempt.message.tick_at
        context = Context(
            task_result=run.result,
            report=report,
            asks_to_end=lambda: run.interrupt.is_cancelled,
            tick_at=tick_at,
        )
        return [context, *args]

    def _success(self, run: Run, stored: StorableValue) -> Outcome:
        now = datetime.now(UTC)
        return Outcome(
            attempt=run.attempt,
            status=Status.SUCCESSFUL,
            finished_at=now,
            return_value=stored.value,
            storage_notes=stored.notes,
            keep=run.task.keep,
            memory_mib=_memory(run.attempt, now),
        )

    def abandon(self, run: Run, error: Exception, stack: str) -> Ended:
        """
        End a run that goes on regardless, from outside; its process is to be replaced.

        `stack` is where it was. What it may still come to is refused by the fence.
        """
        # Not raised: there is no frame of it that would tell anything.
        ended = self._fail(run, error)
        run.attempt.errors[-1]["traceback"] += f"It was here:\n{stack}"
        return ended

    def _succeed(self, run: Run, outcome: Outcome) -> Ended:
        if compat.is_heard(compat.task_finished):
            run.result.change("_return_value", outcome.return_value)
            self._finish(run, outcome)
        return self._end(run, outcome)

    def _end(
        self,
        run: Run,
        outcome: Outcome | None = None,
        *,
        due_again: datetime | None = None,
        was_interrupted: bool = False,
    ) -> Ended:
        return Ended(
            run.delivery,
            outcome,
            due_again=due_again,
            was_interrupted=was_interrupted,
            logged=run.log.take(run.attempt, at_end=True),
        )

    def _interrupted(self, run: Run, error: BaseException) -> Ended | None:
        """
        End a run that failed because the database went away, without an outcome.

        It is no failure of the task's, and costs none of its attempts. Not for ever,
        though: the database may have gone away because of it.
        """
        before = run.attempt.number - 1 - len(run.attempt.errors)
        if run.interrupt.reason or before >= _MOST_INTERRUPTIONS:
            return None
        if not isinstance(error, Exception) or not is_outage(error):
            return None
        logger.warning(
            "Given back, since the database went away: Task id=%s path=%s: %s",
            run.result.id,
            run.task.module_path,
            str(error).strip(),
        )
        pause = timedelta(seconds=min(2**before, _LONGEST_INTERRUPTION_SECONDS))
        again = datetime.now(UTC) + pause
        return self._end(run, due_again=again, was_interrupted=True)

    def _fail(self, run: Run, error: BaseException) -> Ended:
        """End a run that failed; while the exception is handled, if there is one."""
        attempt = run.attempt
        error = run.interrupt.explain(error)
        entry = self._describe(attempt, error)
        attempt.errors = [*attempt.errors, entry]
        self._show_start(run)
        run.result.errors.append(
            compat.TaskError(
                exception_class_path=entry["exception_class_path"],
                traceback=entry["traceback"],
            )
        )
        now = datetime.now(UTC)
        pause = self._pause_after(run, error)
        retry_at = None if pause is None else now + pause
        outcome = Outcome(
            attempt=attempt,
            status=Status.FAILED if retry_at is None else Status.READY,
            finished_at=now,
            retry_at=retry_at,
            keep=run.task.keep,
            cause=cause_of(entry),
            memory_mib=_memory(attempt, now),
        )
        if retry_at is None:
            # Here, where sys.exc_info() tells the receivers what happened.
            self._finish(run, outcome)
        else:
            logger.warning(
                "Task id=%s path=%s attempt=%d failed, and is tried again in %s: %s",
                run.result.id,
                run.task.module_path,
                attempt.number,
                pause,
                entry["message"],
            )
        return self._end(run, outcome, due_again=retry_at)

    def _pause_after(self, run: Run, error: BaseException) -> timedelta | None:
        """Return how long to wait for the next attempt; None if there is to be none."""
        task = run.task
        asked = isinstance(error, Retry)
        is_worth_it = asked or (
            isinstance(error, task.retry_on) and not isinstance(error, task.give_up_on)
        )
        if not is_worth_it or run.attempt.failures >= task.max_attempts:
            return None
        try:
            after = error.after if isinstance(error, Retry) else None
            pause = after or pause_of(task.backoff, error, run.result)
        except Exception:
            logger.exception("The backoff of %s failed.", task.module_path)
            return None
        expires_at = run.attempt.message.expires_at
        if expires_at and datetime.now(UTC) + pause >= expires_at:
            return None
        return pause

    def _finish(self, run: Run, outcome: Outcome) -> None:
        run.result.change("finished_at", outcome.finished_at)
        run.result.change("status", compat.TaskResultStatus(outcome.status.value))
        self._send(compat.task_finished, run)

    def _describe(self, attempt: Attempt, error: BaseException) -> dict[str, Any]:
        return {
            "started_at": attempt.started_at.isoformat(),
            "worker": attempt.worker_id,
        } | describe_error(
            error,
            attempt=attempt.number,
            failed_at=datetime.now(UTC),
            hide=__file__,
        )

    def _send(self, signal: Any, run: Run) -> None:
        # Robust: a receiver that fails is logged by Django, and the task goes on.
        backend = compat.task_backends[self._alias]
        try:
            signal.send_robust(type(backend), task_result=run.result)
        except BaseException:
            # SystemExit, for which "robust" is not meant.
            logger.exception("A receiver of %s raised.", run.task.module_path)


def _write_or_undo(outcome: Outcome, tally: Tally) -> None:
    if write_outcomes([outcome], tally=tally):
        raise _OvertakenError


def _memory(attempt: Attempt, finished_at: datetime) -> int | None:
    """Return how large this process is, in MiB, if the attempt has lasted."""
    if finished_at - attempt.started_at < _LASTING:
        return None
    return resident_bytes() // MEBIBYTE
