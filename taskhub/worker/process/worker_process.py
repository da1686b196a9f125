"""
One worker process, from its fork to its end; see `taskhub.worker.process` for threads.

How it stops, when it is told to stop or has drained its queues:

1. The consumer reserves no more messages.
2. Messages that are reserved and not started are given back.
3. Running tasks may continue until the grace period ends.
4. The group writer writes and acknowledges the outcomes of ended tasks.
5. Tasks that still run are given back as unfinished, and the lease ends.
6. Receivers of `process_ending` and hooks of `atexit` are called, and the processes
   that tasks have started are killed: see process_group.py.

If tasks still run when the grace period ends, steps 4 and 5 happen while they run, and
the process exits without calling hooks of `atexit`. If it is told to end at once, it
exits, and the steward takes back the messages that it held. If its lease was lost, the
supervisor starts a successor at once, and steps 1 to 4 have no time limit.
"""

import logging
import os
import time
from collections.abc import Mapping
from enum import IntEnum
from threading import Lock
from typing import NoReturn
from uuid import UUID

from taskhub.brokers import get_broker
from taskhub.exceptions import BrokerError, TaskCancelled
from taskhub.execution import Executor, Run
from taskhub.execution.interrupts import hear_interrupts
from taskhub.execution.isolation.forks import guard_connections
from taskhub.execution.isolation.log_listeners import close_logging
from taskhub.execution.isolation.output import flush_output, print_promptly
from taskhub.execution.isolation.process_state import ProcessState
from taskhub.execution.logs import capture_logs
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.pipes import LEAVES, Upwards
from taskhub.worker.process.consumer import Consumer
from taskhub.worker.process.prefetch import Prefetch
from taskhub.worker.process.run_monitor import RunMonitor
from taskhub.worker.process.running import Running
from taskhub.worker.process.slots import Slots
from taskhub.worker.process.watch import Watch
from taskhub.worker.process_group import ProcessExit, lead_own_group
from taskhub.worker.process_signals import send_started
from taskhub.worker.quiet import Quiet
from taskhub.worker.scoreboard import Section
from taskhub.writer import Tally
from taskhub.writer.thread.group_writer import GroupWriter
from taskhub.writer.thread.holdings import Holdings

logger = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """What a worker process tells its supervisor when it exits."""

    DONE = 0
    FAULT = 1
    #: Its queues were drained. Not 0, which a task may exit with.
    DRAINED = 76


class WorkerProcess:
    """Puts the parts of a worker process together. `run` blocks for its whole life."""

    def __init__(
        self,
        node: NodeOptions,
        token: str,
        quiet: Quiet,
        line: int,
        upwards: int,
        section: Section | None = None,
    ) -> None:
        lead_own_group()
        self._process_exit = ProcessExit()
        self._node = node
        self._token = token
        self._upwards = Upwards(upwards, token)
        self._exit_at: float | None = None
        self._has_given_up = False
        #: Held by the thread that ends this process.
        self._ending = Lock()
        broker = self._broker = get_broker(node.config)
        prefetch, holdings, tally = Prefetch(node.threads), Holdings(), Tally()
        self._consumer = Consumer(
            broker, node.queues, token, prefetch, quiet, holdings, drain=node.drain
        )
        self._writer = GroupWriter(
            broker,
            token,
            tally,
            holdings=holdings,
            cancelled=self._cancel,
            fail=self._fail,
        )
        self._running = Running(self._upwards.tell, section)
        self._monitor = RunMonitor(
            broker, self._consumer, self._running, self._writer, quiet, self._give_up
        )
        hear_interrupts()
        self._watch = self._make_watch(line)
        self._executor = Executor(node.config, self._writer.report, tally)
        self._slots = self._make_slots(prefetch)

    def _make_watch(self, line: int) -> Watch:
        return Watch(
            line,
            pause=self._monitor.pause,
            look=self._look,
            stop=self._stop,
            die=self._die,
            fail=self._fail,
        )

    def _make_slots(self, prefetch: Prefetch) -> Slots:
        return Slots(
            self._node,
            self._token,
            consumer=self._consumer,
            executor=self._executor,
            running=self._running,
            writer=self._writer,
            prefetch=prefetch,
            process_state=ProcessState(self._watch.wakeup),
            retire=self._retire,
            fail=self._fail,
        )

    def run(self) -> NoReturn:
        """Work until told to stop, or until the queues are drained, and exit."""
        guard_connections()
        capture_logs()
        print_promptly()
        send_started("worker")
        self._watch.start()
        if self._join():
            self._writer.start()
            self._slots.work()
            self._finish()
        code = ExitCode.DRAINED if self._consumer.is_drained else ExitCode.DONE
        self._process_exit.exit(code, with_hooks=True)

    def _join(self) -> bool:
        """Block until the lease has begun. Return False if told to stop before that."""
        backoff = ReconnectBackoff()
        while not self._consumer.is_stopping:
            try:
                self._broker.join(self._node.queues, self._token)
            except BrokerError as error:
                backoff.fail()
                if backoff.is_first:
                    logger.error("%s Retrying until it is back.", error)
                time.sleep(backoff.pause)
            else:
                return True
        return False

    def _retire(self) -> None:
        """Take no more messages; the supervisor starts a successor at once."""
        if not self._consumer.is_stopping:
            self._upwards.tell(LEAVES)
            self._consumer.stop()

    # The methods from here to _leave_running() are called on the watch's thread, but
    # _cancel() on the group writer's, and _give_up() on either.

    def _look(self) -> None:
        self._monitor.look()
        if self._consumer.is_stopping:
            # Stop again, since a wait may have begun just after the last call.
            self._consumer.stop()
            self._consumer.give_back()
        if self._exit_at is not None and time.monotonic() > self._exit_at:
            self._leave_running()
        if self._has_given_up and not self._running.all():
            self._leave_running()

    def _cancel(self, cancelled: Mapping[UUID, bool]) -> None:
        """Inform the runs of cancelled results. The values say whether by force."""
        for run in self._running.all():
            by_force = cancelled.get(run.attempt.message.id)
            if by_force is None:
                continue
            run.interrupt.cancel()
            if by_force:
                self._give_up(run, TaskCancelled("It was cancelled by force."), "")

    def _give_up(self, run: Run, error: BaseException, stack: str) -> None:
        """Fail a run that does not end. This process is replaced, and exits soon."""
        if not self._running.give_up(run):
            return
        logger.error("Giving up on %s: %s", run.delivery.id, error)
        self._writer.put(self._executor.abandon(run, error, stack))
        self._has_given_up = True
        self._retire()
        self._consumer.give_back()
        self._set_exit_time()

    def _stop(self) -> None:
        self._set_exit_time()
        self._consumer.stop()
        self._consumer.give_back()

    def _set_exit_time(self) -> None:
        if self._exit_at is None:
            self._exit_at = time.monotonic() + self._node.running_seconds

    def _leave_running(self) -> NoReturn:
        for run in self._running.all():
            logger.warning(
                "Leaving %s (%s) to another worker: it still runs after %g s.",
                run.attempt.message.task_path,
                run.delivery.id,
                self._node.running_seconds,
            )
            # Write the row before the message is given back: its next holder reads it.
            self._writer.give_back(run.attempt)
        with self._ending:
            self._writer.stop()
            self._end_lease()
            self._process_exit.exit(ExitCode.DONE, with_hooks=False)

    def _die(self) -> NoReturn:
        flush_output()
        os._exit(ExitCode.FAULT)

    def _fail(self, error: Exception) -> NoReturn:
        """End this process because a part of it failed; on that part's thread."""
        logger.critical("A fault of taskhub; this process is replaced.", exc_info=error)
        close_logging()
        flush_output()
        os._exit(ExitCode.FAULT)

    def _finish(self) -> None:
        """Do steps 2, 4 and 5 when no task is running any more."""
        with self._ending:
            self._consumer.give_back()
            if not self._writer.stop():
                logger.error(
                    "Some outcomes could not be written; their tasks will run again."
                )
            self._end_lease()

    def _end_lease(self) -> None:
        # Messages that are still held were started, and did not kill this process.
        try:
            self._broker.reclaim(self._node.queues, self._token, died=False)
        except BrokerError as error:
            logger.error("%s The lease ends by itself.", error)
