"""The slots of a worker process: each takes deliveries, and runs or submits them."""

import logging
import time
from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from typing import TypeVar

from django.db.utils import Error as DatabaseFault

from taskhub.exceptions import LeaseLost
from taskhub.execution import Executor, Preparer, Run
from taskhub.execution.isolation.connections import ConnectionKeeper
from taskhub.execution.isolation.process_state import ProcessState
from taskhub.execution.refusals import REFUSED_AGAIN
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.foundation.values import show_foreign
from taskhub.messages import Delivery
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.process.consumer import Consumer
from taskhub.worker.process.event_loop import EventLoop
from taskhub.worker.process.exclusive_runs import ExclusiveRuns
from taskhub.worker.process.limits import ProcessLimits
from taskhub.worker.process.prefetch import Prefetch
from taskhub.worker.process.running import Running
from taskhub.writer import Ended, is_transient
from taskhub.writer.thread.group_writer import GroupWriter

logger = logging.getLogger(__name__)

_Found = TypeVar("_Found")

#: How long a slot pauses after the database has gone away during a task.
_OUTAGE_SECONDS = 0.5
#: How often a slot checks that outcomes are being written again.
_ROOM_SECONDS = 0.05


class Slots:
    """The slots of one process: one for each sync task that may run at a time."""

    def __init__(
        self,
        node: NodeOptions,
        token: str,
        *,
        consumer: Consumer,
        executor: Executor,
        running: Running,
        writer: GroupWriter,
        prefetch: Prefetch,
        process_state: ProcessState,
        retire: Callable[[], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._count = node.threads
        self._consumer = consumer
        self._preparer = Preparer(node.config, token)
        self._executor = executor
        self._running = running
        self._writer = writer
        self._prefetch = prefetch
        self._process_state = process_state
        self._retire = retire
        self._fail = fail
        self._limits = ProcessLimits(node)
        self._exclusive_runs = ExclusiveRuns(writer.flush)
        self._loop = EventLoop(
            executor,
            running,
            self._exclusive_runs,
            hand_on=writer.put,
            check_limits=self._check_limits,
            fail=fail,
            max_runs=node.async_tasks,
        )

    def work(self) -> None:
        """Block until the consumer hands out no more, and all runs have ended."""
        if self._count == 1:
            # In the main thread, where tasks may use signals.
            self._work()
        else:
            slots = [
                Thread(target=self._work, name=f"slot-{number}", daemon=True)
                for number in range(self._count)
            ]
            for slot in slots:
                slot.start()
            for slot in slots:
                slot.join()
        while not self._loop.is_idle():
            time.sleep(0.01)

    def _work(self) -> None:
        keeper = ConnectionKeeper()
        try:
            while (delivery := self._take()) is not None:
                begun = time.monotonic()
                self._execute(delivery, keeper)
                self._prefetch.observe(time.monotonic() - begun)
                self._check_limits()
        except LeaseLost as error:
            logger.error("%s A new process takes over.", error)
            self._retire()
        except Exception as error:
            self._fail(error)
        self._consumer.stop()

    def _check_limits(self) -> None:
        """Retire this process if it has reached a limit; from any thread."""
        if not self._consumer.is_stopping and (reason := self._limits.reached()):
            logger.info("A new process takes over: %s.", reason)
            self._retire()

    def _take(self) -> Delivery | None:
        self._exclusive_runs.wait()
        # While the database is away, most tasks would only fail.
        while self._has_no_room() and not self._consumer.is_stopping:
            time.sleep(_ROOM_SECONDS)
        return self._consumer.take()

    def _has_no_room(self) -> bool:
        return self._writer.is_full or self._writer.is_stuck

    def _execute(self, delivery: Delivery, keeper: ConnectionKeeper) -> None:
        exclusive = self._read_row(
            self._preparer.must_run_exclusively, delivery, keeper
        )
        if exclusive is None:
            return
        if exclusive:
            # If the run kills this process, waiting messages must not be suspected.
            self._consumer.give_back()
        if not self._exclusive_runs.enter(exclusive=exclusive):
            self._consumer.give_back([delivery])
            return
        run = self._read_row(self._preparer.prepare, delivery, keeper)
        if isinstance(run, Run) and run.task.is_async:
            run.is_exclusive = exclusive
            # Count it now: many runs may be under way before the first one ends.
            self._limits.count()
            self._loop.submit(run)
            return
        if isinstance(run, Run):
            self._run_here(run, keeper)
        elif run is not None:
            self._writer.put(run)
        self._exclusive_runs.leave(exclusive=exclusive)

    def _run_here(self, run: Run, keeper: ConnectionKeeper) -> None:
        self._running.begin(run)
        keeper.before()
        began = time.monotonic()
        # In a new context, so that the next task does not see what this one sets.
        ended = copy_context().run(self._executor.run, run)
        self._process_state.restore_after(
            time.monotonic() - began, is_last=not self._consumer.has_waiting
        )
        # Hand the outcome on before the next steps, which may fail.
        self._running.end(run, partial(self._writer.put, ended))
        self._limits.count()
        keeper.after()
        if ended.was_interrupted:
            # The next task would be interrupted, too.
            time.sleep(_OUTAGE_SECONDS)

    def _read_row(
        self,
        read: Callable[[Delivery], _Found],
        delivery: Delivery,
        keeper: ConnectionKeeper,
    ) -> _Found | None:
        """Call `read`. If the database fails, give the message back and return None."""
        try:
            return read(delivery)
        except DatabaseFault as error:
            # Only a message that came back needs its row before it is run.
            logger.error(
                "Cannot read the row of %s: %s", show_foreign(delivery.id), error
            )
            keeper.after()
            if not is_transient(error):
                # The error is about this row, and must not hold up others.
                again = datetime.now(UTC) + REFUSED_AGAIN
                self._writer.put(Ended(delivery, due_again=again))
                return None
            self._consumer.give_back([delivery])
            time.sleep(ReconnectBackoff().pause)
            return None
