"""
The runner: runs messages of one backend in the caller's thread, and writes outcomes.

SystemExit, KeyboardInterrupt and other exceptions that are not an Exception may be
meant for the process, not for the task: the user has pressed Ctrl-C, or pytest ends the
test. They are written as the task's failure, as in a worker, and then raised again.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import msgspec
from asgiref.sync import async_to_sync
from django.db import connections, transaction
from django.db.utils import Error as DatabaseFault

from taskhub.brokers import get_broker
from taskhub.conf import Config
from taskhub.exceptions import TaskTimeout
from taskhub.execution import Executor, Preparer, Run
from taskhub.execution.logs import capturing_logs
from taskhub.inline.savepoints import spared_transactions
from taskhub.inline.time_limit import time_limit
from taskhub.messages import Delivery, Returned, seal
from taskhub.models import TaskResult
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow
from taskhub.models.ids import new_id
from taskhub.models.inserting import insert_one
from taskhub.models.results.slices import NewResult
from taskhub.writer import (
    Ended,
    Outcome,
    Progress,
    Tally,
    may_be_transient,
    write_deaths,
)
from taskhub.writer.groups import write_group
from taskhub.writer.thread.group import write_items
from taskhub.writer.thread.items import Item
from taskhub.writer.thread.replacement import replacement_of

#: Exceptions that belong to the task although they are not an Exception.
_OF_THE_TASK = (Exception, TaskTimeout, asyncio.CancelledError)


class InlineEnd(msgspec.Struct, kw_only=True):
    """How an inline run has ended."""

    #: None if nothing was run, or the fence refused the outcome.
    outcome: Outcome | None = None
    #: The exception that led to the outcome.
    error: BaseException | None = None
    #: After which pause a worker would run another attempt; None if none follows.
    pause: timedelta | None = None
    #: Whether a worker would get the message again later without another attempt.
    is_postponed: bool = False


class InlineRunner:
    """
    Runs the messages of rows, as one worker process of a backend would.

    For one thread. `token` is the name of this worker process in the rows.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.token = f"inline-{new_id().hex[-12:]}"
        self._tally = Tally()
        self._preparer = Preparer(config, self.token)
        self._executor = Executor(
            config,
            self._report,
            self._tally,
            note=self._note,
            # A new connection would wait for the caller's transaction.
            detects_outages=False,
        )
        self._in_rows = get_broker(config).lives_in_rows
        self._end = InlineEnd()
        self._progress: Progress | None = None

    def run(
        self,
        row: TaskResult | NewResult,
        *,
        returned: Returned | None = None,
        durable: bool = True,
    ) -> InlineEnd:
        """
        Run a row's message, write how it ended, and return that.

        `returned` says how the message came back if it may have been started before.
        Block for the task. Raise what is not an Exception again; see this module's
        docstring. Raise a DatabaseError if the end cannot be written.
        """
        former, self._end = self._end, InlineEnd()
        former_progress, self._progress = self._progress, None
        try:
            ended = self.execute(row, returned=returned, durable=durable)
            self._write(ended)
            self._raise_again()
            return self._end
        finally:
            # A task may have run another one, with this runner.
            self._end, self._progress = former, former_progress

    def execute(
        self,
        row: TaskResult | NewResult,
        *,
        returned: Returned | None = None,
        durable: bool = True,
    ) -> Ended:
        """Run a row's message without writing how it ended."""
        run = self._preparer.prepare(self._delivery(row, returned, durable))
        return run if isinstance(run, Ended) else self._execute(run)

    def _execute(self, run: Run) -> Ended:
        # In a new context, so that the caller does not see what the task sets.
        with spared_transactions(), capturing_logs():
            return copy_context().run(self._call, run)

    def die(
        self, row: TaskResult, *, returned: Returned | None, after_call: bool
    ) -> bool:
        """
        Begin an attempt and leave it as if this worker process had died in it.

        With `after_call`, the task's function has run, and its outcome was not written.
        Return False if there is nothing to run, as for an expired task.
        """
        self._end = InlineEnd()
        run = self._preparer.prepare(self._delivery(row, returned, durable=True))
        if isinstance(run, Ended):
            return False
        write_group(running=[run.attempt])
        if after_call:
            with _undone(run.task.atomic):
                self._execute(run)
        # What the steward does when it notices the death.
        write_deaths({row.id: self.token})
        self._raise_again()
        return True

    def _raise_again(self) -> None:
        """Raise what the task has raised if it may be meant for the process."""
        error = self._end.error
        if error is not None and not isinstance(error, _OF_THE_TASK):
            raise error

    def _delivery(
        self, row: TaskResult | NewResult, returned: Returned | None, durable: bool
    ) -> Delivery:
        message = row.to_message(durable=durable)
        # A row with an oddity cannot be run. The preparer refuses an empty body.
        is_odd = bool(getattr(row, "oddity", ""))
        body = b"" if is_odd else seal(message, self.config.signing_keys[0])
        return Delivery(
            id=str(row.id),
            queue_name=row.queue_name,
            returned=returned,
            body=body,
            size=len(body),
        )

    def _call(self, run: Run) -> Ended:
        with time_limit(run):
            if run.task.is_async:
                return async_to_sync(self._executor.arun)(run)
            return self._executor.run(run)

    def _note(self, outcome: Outcome, error: BaseException | None) -> None:
        self._end.outcome, self._end.error = outcome, error

    def _report(self, progress: Progress) -> None:
        """Keep the progress of the task; outside of transactions, write it at once."""
        self._progress = progress
        connection: Any = connections[results_database()]
        if not (connection.in_atomic_block or _is_on_event_loop()):
            self._write_items([progress])

    def _write(self, ended: Ended) -> None:
        """Write how a delivery has ended, and complete `_end`."""
        before: list[Item] = [self._progress] if self._progress else []
        try:
            refused = self._write_items([*before, ended])
        except DatabaseFault as error:
            if may_be_transient(error):
                raise
            ended = replacement_of(ended, error)
            self._end.error = error
            refused = self._write_items([ended])
        outcome = ended.outcome
        if outcome is not None:
            self._end.outcome = None if refused else outcome
            if not refused:
                self._tally.count([outcome])
        if ended.due_again is not None:
            self._end.is_postponed = outcome is None
            if outcome is not None and not refused:
                self._end.pause = ended.due_again - outcome.finished_at

    def write_metrics(self) -> None:
        """Write the metrics of the runs since the last call."""
        for row in self._tally.take():
            insert_one(row, results_database())

    def _write_items(self, items: list[Item]) -> int:
        with _own_savepoint():
            return write_items(items, None, in_rows=self._in_rows)


def _own_savepoint() -> AbstractContextManager[Any]:
    """Begin a savepoint if there is a transaction: the write may fail."""
    alias = results_database()
    if connections[alias].in_atomic_block:
        return transaction.atomic(using=alias)
    return nullcontext()


@contextmanager
def _undone(is_atomic: bool) -> Iterator[None]:
    """Roll back the work of an atomic task, as the database does after a death."""
    if not is_atomic:
        yield
        return
    with transaction.atomic(using=results_database()):
        yield
        transaction.set_rollback(True, using=results_database())


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def bring_forward(row: TaskResult) -> None:
    """Make a waiting row due now, as an attempt that came back has to be."""
    # By the database's clock, with which a claim compares it.
    TaskResult.writing.filter(pk=row.pk).update(run_after=DatabaseNow())
