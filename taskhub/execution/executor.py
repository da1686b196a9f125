"""The executor: calls the function of a run, and returns how the run ended."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from taskhub.compat import django_tasks as compat
from taskhub.conf import Config
from taskhub.execution.arguments import RunArguments, arguments_on_loop, decoded
from taskhub.execution.isolation.forks import OnlyHere
from taskhub.execution.logs import current_log
from taskhub.execution.memory import MEBIBYTE, resident_bytes
from taskhub.execution.retrying import pause_after
from taskhub.execution.return_values import StorableValue
from taskhub.execution.runs import Run
from taskhub.execution.signals import Signals
from taskhub.execution.surroundings import Call, Surroundings
from taskhub.foundation.awaiting import awaited
from taskhub.foundation.current import current_result
from taskhub.foundation.exception_tree import members
from taskhub.models import Status
from taskhub.models.base import results_database
from taskhub.tasks import Context
from taskhub.tasks.codec import encode_return
from taskhub.writer import (
    Attempt,
    Ended,
    Outcome,
    Progress,
    Tally,
    concerns_database,
    is_outage,
    was_cut_off,
    write_outcomes,
)
from taskhub.writer.errors import cause_of, describe_failure

logger = logging.getLogger(__name__)

#: The memory of the process is read only after runs of this length.
_MIN_DURATION_FOR_MEMORY = timedelta(seconds=1)
#: After this number of interruptions by outages of the database, an attempt fails.
_MAX_INTERRUPTIONS = 100
#: The same if only the task's connection was closed, perhaps by its statement.
_MAX_LOST_CONNECTIONS = 3
#: The pause after an interruption doubles up to this.
_MAX_INTERRUPTION_SECONDS = 10


class _OvertakenError(Exception):
    """Another attempt owns the row by now."""


class Executor:
    """
    Calls the functions of runs, for one worker process.

    `run` may be called from several threads, and `arun` on an event loop. Everything
    that a task raises becomes an outcome, even SystemExit. An exception that these
    methods raise is a fault of the database or of taskhub.

    `note` is called with each outcome and the exception that led to it, before the
    outcome is written. Without `detects_outages`, an outage of the database is a
    failure like any other, and no connection is opened to find out.
    """

    def __init__(
        self,
        config: Config,
        report: Callable[[Progress], None],
        tally: Tally,
        *,
        note: Callable[[Outcome, BaseException | None], None] | None = None,
        detects_outages: bool = True,
    ) -> None:
        self._max_result_bytes = config.options.max_result_bytes
        self._signals = Signals(config.alias)
        self._surroundings = Surroundings.of(config.options)
        self._report = report
        self._tally = tally
        self._note = note
        self._detects_outages = detects_outages

    def run(self, run: Run) -> Ended:
        """Call a sync task's function, and return how it ended."""
        self._begin(run)
        if run.task.atomic:
            return self._run_atomically(run)
        try:
            stored = self._call(run)
        except BaseException as error:
            return self._end_with_error(run, error)
        return self._succeed(run, self._success(run, stored))

    def _call(self, run: Run) -> StorableValue:
        with OnlyHere(), run.interrupt:
            if self._surroundings is None:
                given = self._arguments(run)
                value = awaited(run.task.func(*given.args, **given.kwargs))
            else:
                value = self._surroundings.call(Call(run, self._arguments))
        return self._stored(run, value)

    def _stored(self, run: Run, value: Any) -> StorableValue:
        value = encode_return(run.task.func, run.task.takes_context, value)
        return StorableValue(value, max_bytes=self._max_result_bytes)

    def _run_atomically(self, run: Run) -> Ended:
        """
        Commit the task's database work together with its outcome, or roll back both.

        If another attempt has overtaken this one, the fence causes the rollback.
        """
        try:
            with transaction.atomic(using=results_database()):
                outcome = self._success(run, self._call(run))
                _write_or_undo(outcome, self._tally)
        except _OvertakenError:
            logger.warning(
                "Rolled back, since another attempt owns the result: %s.",
                run.attempt.message.id,
            )
            return self._end(run)
        except BaseException as error:
            return self._end_with_error(run, error)
        self._succeed(run, outcome)
        # The outcome is written; the message is still to be acknowledged.
        return self._end(run)

    async def arun(self, run: Run) -> Ended:
        """Call an `async def` task's function on the event loop; see run()."""
        self._begin(run)
        try:
            with OnlyHere(), run.interrupt.around_async():
                if self._surroundings is None:
                    given = await arguments_on_loop(run, self._arguments)
                    value = await run.task.func(*given.args, **given.kwargs)
                else:
                    call = Call(run, self._arguments)
                    value = await self._surroundings.acall(call)
            stored = self._stored(run, value)
        except BaseException as error:
            ended = None
            if concerns_database(error):
                ended = await sync_to_async(self._end_if_interrupted)(run, error)
            return ended or self._fail(run, run.interrupt.explain(error))
        return self._succeed(run, self._success(run, stored))

    def _begin(self, run: Run) -> None:
        current_result.set(run.attempt.message.id)
        current_log.set(run.log)
        # Making Django's result takes time, and often nothing needs it.
        if run.task.takes_context or compat.is_heard(compat.task_started):
            self._signals.send_started(run)

    def _arguments(self, run: Run) -> RunArguments:
        given = decoded(run)
        if not run.task.takes_context:
            return given
        attempt = run.attempt

        def report(done: float, total: float | None, message: str) -> None:
            self._report(Progress(attempt, done, total, message))

        tick_at = attempt.message.tick_at
        context = Context(
            task_result=run.result(),
            report=report,
            asks_to_end=lambda: run.interrupt.is_cancelled,
            tick_at=tick_at,
        )
        return RunArguments([context, *given.args], given.kwargs)

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

    def abandon(self, run: Run, error: BaseException, stack: str) -> Ended:
        """
        Fail a run that does not end, so that its process can be replaced.

        `stack` says where the task is now. The fence refuses any later outcome.
        """
        # The error was not raised, so its traceback has no frames: add the stack.
        ended = self._fail(run, error)
        run.attempt.errors[-1]["traceback"] += f"It was here:\n{stack}"
        return ended

    def _succeed(self, run: Run, outcome: Outcome) -> Ended:
        if self._note is not None:
            self._note(outcome, None)
        if compat.is_heard(compat.task_finished):
            self._signals.send_finished(run, outcome)
        return self._end(run, outcome)

    def _end(
        self,
        run: Run,
        outcome: Outcome | None = None,
        *,
        due_again: datetime | None = None,
        interrupted: Attempt | None = None,
    ) -> Ended:
        return Ended(
            run.delivery,
            outcome,
            due_again=due_again,
            interrupted=interrupted,
            logged=run.log.take(run.attempt, at_end=True),
        )

    def _end_with_error(self, run: Run, error: BaseException) -> Ended:
        """End a run whose task has raised. Called while the exception is handled."""
        ended = self._end_if_interrupted(run, error)
        return ended or self._fail(run, run.interrupt.explain(error))

    def _end_if_interrupted(self, run: Run, error: BaseException) -> Ended | None:
        """
        End a run without an outcome if it failed because the database went away.

        Otherwise return None. Interruptions are not failures, but their number is
        limited, since the task may be the reason that the database went away.
        """
        interruptions = run.attempt.number - 1 - len(run.attempt.errors)
        if run.interrupt.reason or not isinstance(error, Exception):
            return None
        if not self._detects_outages:
            return None
        if run.task.on_worker_death != "retry":
            # It must not be run again without a decision.
            return None
        if interruptions >= _max_interruptions(error):
            return None
        logger.warning(
            "Given back, since the database went away: Task id=%s path=%s: %s",
            run.attempt.message.id,
            run.task.module_path,
            str(error).strip(),
        )
        pause = timedelta(seconds=min(2**interruptions, _MAX_INTERRUPTION_SECONDS))
        due_again = datetime.now(UTC) + pause
        return self._end(run, due_again=due_again, interrupted=run.attempt)

    def _fail(self, run: Run, error: BaseException) -> Ended:
        """End a run that failed. Called while the error, if raised, is handled."""
        attempt = run.attempt
        entry = describe_failure(error, attempt, hide=__file__)
        attempt.errors = [*attempt.errors, entry]
        now = datetime.now(UTC)
        # A ReferenceGone of another result, whose value the task reads, is a failure.
        is_gone = error is run.gone
        pause = None if is_gone else pause_after(run, error)
        retry_at = None if pause is None else now + pause
        ended = Status.CANCELLED if is_gone else Status.FAILED
        outcome = Outcome(
            attempt=attempt,
            status=ended if retry_at is None else Status.READY,
            finished_at=now,
            retry_at=retry_at,
            keep=run.task.keep,
            cause="" if is_gone else cause_of(entry),
            memory_mib=_memory(attempt, now),
        )
        if self._note is not None:
            self._note(outcome, error)
        if retry_at is None:
            self._signals.send_finished(run, outcome, _expected(run, error))
        else:
            self._signals.send_retried(run, error, pause or timedelta(0))
            logger.warning(
                "Task id=%s path=%s attempt=%d failed; retrying in %s: %s",
                run.attempt.message.id,
                run.task.module_path,
                attempt.number,
                pause,
                entry["message"],
            )
        return self._end(run, outcome, due_again=retry_at)


def _expected(run: Run, error: BaseException) -> str:
    """Return why a failure is no error for the log: the task expects it; or ""."""
    expected = (*run.task.throws, BaseExceptionGroup)
    if run.task.throws and all(isinstance(each, expected) for each in members(error)):
        return f"{type(error).__name__}: {error}"
    return ""


def _max_interruptions(error: Exception) -> int:
    """Return after how many interruptions a task with this error fails."""
    if is_outage(error):
        return _MAX_INTERRUPTIONS
    return _MAX_LOST_CONNECTIONS if was_cut_off(error) else 0


def _write_or_undo(outcome: Outcome, tally: Tally) -> None:
    """Write an outcome. Raise _OvertakenError if the fence refuses it."""
    if write_outcomes([outcome], tally=tally):
        raise _OvertakenError


def _memory(attempt: Attempt, finished_at: datetime) -> int | None:
    """Return the memory of this process in MiB; None after a short attempt."""
    if finished_at - attempt.started_at < _MIN_DURATION_FOR_MEMORY:
        return None
    return resident_bytes() // MEBIBYTE
