"""
One worker process, from its fork to its end.

How it stops, when it is told to, or a drain is done:

1. The consumer reserves no more.
2. What is reserved and not started is given back.
3. What runs goes on, for up to the grace period.
4. The group writer writes and acknowledges what has ended.
5. What still runs is given back, as left unfinished, and the lease ends.
6. Receivers of `process_ending` and hooks of `atexit` are run, and the processes that
   tasks have started end, too: see remains.py.

Past the grace period it goes from 2 to 4 with tasks still running, and the process
exits under them after 5, without hooks of `atexit`. Told to end at once, it just exits,
and the supervisor sees to what it held. If its lease was lost, the supervisor starts a
successor at once, and this one goes from 1 to 4 for as long as what it runs may take.
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
from taskhub.worker.process.limits import TimeLimits
from taskhub.worker.process.prefetch import MOMENT_SECONDS, Every, Prefetch
from taskhub.worker.process.running import Running
from taskhub.worker.process.slots import Slots
from taskhub.worker.process.watch import Watch
from taskhub.worker.process_group import ProcessExit, lead_own_group
from taskhub.worker.process_signals import tell_started
from taskhub.worker.quiet import Quiet
from taskhub.worker.scoreboard import Section
from taskhub.writer import Tally
from taskhub.writer.thread.group_writer import GroupWriter
from taskhub.writer.thread.holdings import Holdings

logger = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """What a worker process tells its supervisor by its exit code."""

    DONE = 0
    FAULT = 1
    #: There was nothing left to drain. Not 0, which a task may exit with.
    DRAINED = 76


#: How often it is looked whether an idle process still is; what it begins then is
#: marked, and given back what waits behind it, by so much later.
_IDLE_SECONDS = 0.3
#: How often it is asked whether what runs was cancelled, once it has run for so long.
_CANCELLED_SECONDS = 1.0
#: How often what running tasks have logged is written, and what was counted.
_LOGS_SECONDS = 1.0
_NUMBERS_SECONDS = 5.0
#: How often it is looked whether the broker still has to listen.
_REST_SECONDS = 5.0


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
        self._quiet = quiet
        self._token = token
        self._upwards = Upwards(upwards, token)
        self._broker = get_broker(node.config)
        prefetch = Prefetch(node.threads)
        holdings = Holdings()
        self._consumer = Consumer(
            self._broker,
            node.queues,
            token,
            prefetch,
            quiet,
            holdings,
            drain=node.drain,
        )
        tally = Tally()
        self._writer = GroupWriter(
            self._broker,
            token,
            tally,
            holdings=holdings,
            cancelled=self._cancel,
            fail=self._fail,
        )
        self._running = Running(self._upwards.tell, section)
        self._time_limits = TimeLimits(self._running, self._give_up)
        self._has_given_up = False
        self._ask_cancelled = Every(_CANCELLED_SECONDS)
        self._write_logs = Every(_LOGS_SECONDS)
        self._write_numbers = Every(_NUMBERS_SECONDS)
        self._rest = Every(_REST_SECONDS)
        hear_interrupts()
        self._watch = Watch(
            line,
            pause=self._pause,
            look=self._look,
            stop=self._stop,
            die=self._die,
            fail=self._fail,
        )
        self._executor = Executor(node.config, self._writer.report, tally)
        self._slots = Slots(
            node,
            token,
            consumer=self._consumer,
            executor=self._executor,
            running=self._running,
            writer=self._writer,
            prefetch=prefetch,
            process_state=ProcessState(self._watch.wakeup),
            retire=self._retire,
            fail=self._fail,
        )
        self._exit_at: float | None = None
        self._ending = Lock()

    def run(self) -> NoReturn:
        """Work until told to stop, or until nothing is left to drain, and exit."""
        guard_connections()
        capture_logs()
        print_promptly()
        tell_started("worker")
        self._watch.start()
        if self._join():
            self._writer.start()
            self._slots.work()
            self._finish()
        is_drained = self._consumer.is_drained
        self._process_exit.exit(ExitCode.DRAINED if is_drained else ExitCode.DONE)

    def _join(self) -> bool:
        """Begin the lease; wait for a broker that is away. False if told to stop."""
        backoff = ReconnectBackoff()
        while not self._consumer.is_stopping:
            try:
                self._broker.join(self._node.queues, self._token)
            except BrokerError as error:
                backoff.fail()
                if backoff.is_first:
                    logger.error("%s Trying again until it is back.", error)
                time.sleep(backoff.pause)
            else:
                return True
        return False

    def _retire(self) -> None:
        """Take nothing more; another process takes this one's place at once."""
        if not self._consumer.is_stopping:
            self._upwards.tell(LEAVES)
            self._consumer.stop()

    # From here on, on the watch's thread.

    def _pause(self) -> float:
        """Return how long not to look: an idle process costs little."""
        is_idle = not (self._running.has_any or self._consumer.is_stopping)
        return _IDLE_SECONDS if is_idle else MOMENT_SECONDS

    def _look(self) -> None:
        """Mark what has been running for a moment, and give back what waits behind."""
        for run in self._running.newly_long(MOMENT_SECONDS):
            self._writer.mark(run.attempt)
        self._write_what_is_said()
        if self._rest.is_due():
            self._broker.rest()
        self._time_limits.look()
        self._watch_cancellations()
        if self._consumer.has_waiting and self._running.has_long(MOMENT_SECONDS):
            self._consumer.give_back()
        if self._quiet.is_set:
            self._consumer.give_back()
        if self._consumer.is_stopping:
            # Again, for a wait that began just after the last time.
            self._consumer.stop()
            self._consumer.give_back()
        if self._exit_at is not None and time.monotonic() > self._exit_at:
            self._leave_running()
        if self._has_given_up and not self._running.all():
            self._leave_running()

    def _write_what_is_said(self) -> None:
        """Have progress, logs and numbers written, each now and then."""
        self._writer.write_reports()
        if self._write_logs.is_due():
            for run in self._running.all():
                if logged := run.log.take(run.attempt):
                    self._writer.log(logged)
        if self._write_numbers.is_due():
            self._writer.write_numbers()

    def _watch_cancellations(self) -> None:
        if self._ask_cancelled.is_due() and (
            ids := self._running.lasting(_CANCELLED_SECONDS)
        ):
            self._writer.watch(ids)

    def _cancel(self, cancelled: Mapping[UUID, bool]) -> None:
        """Let runs know that they were cancelled; on the group writer's thread."""
        for run in self._running.all():
            by_force = cancelled.get(run.attempt.message.id)
            if by_force is None:
                continue
            run.interrupt.cancel()
            if by_force:
                self._give_up(run, TaskCancelled("It was cancelled by force."), "")

    def _give_up(self, run: Run, error: BaseException, stack: str) -> None:
        """Fail a run that is past its hard limit; it ends with this process."""
        if not self._running.give_up(run):
            return
        logger.error("Giving up on %s: %s", run.delivery.id, error)
        self._writer.put(self._executor.abandon(run, error, stack))
        self._has_given_up = True
        self._retire()
        self._consumer.give_back()
        if self._exit_at is None:
            # For the others, which are not to suffer.
            self._exit_at = time.monotonic() + self._node.running_seconds

    def _stop(self) -> None:
        if self._exit_at is None:
            self._exit_at = time.monotonic() + self._node.running_seconds
        self._consumer.stop()
        self._consumer.give_back()

    def _leave_running(self) -> NoReturn:
        left = self._running.all()
        for run in left:
            logger.warning(
                "Leaving %s (%s) to another worker: it still runs after %g s.",
                run.attempt.message.task_path,
                run.delivery.id,
                self._node.running_seconds,
            )
            # Before their messages are: whoever gets one looks at its row.
            self._writer.give_back(run.attempt)
        with self._ending:
            self._writer.stop()
            self._leave()
            self._process_exit.exit_under_runs(ExitCode.DONE)

    def _die(self) -> NoReturn:
        flush_output()
        os._exit(ExitCode.FAULT)

    def _fail(self, error: Exception) -> NoReturn:
        """End because a part of this process did; on that part's thread."""
        logger.critical("A fault of taskhub; this process is replaced.", exc_info=error)
        close_logging()
        flush_output()
        os._exit(ExitCode.FAULT)

    def _finish(self) -> None:
        """Steps 2, 4 and 5, with nothing running any more."""
        with self._ending:
            self._consumer.give_back()
            if not self._writer.stop():
                logger.error("Some outcomes could not be written; they are run again.")
            self._leave()

    def _leave(self) -> None:
        """End the lease; what is still held was begun, and did no harm."""
        try:
            self._broker.reclaim(self._node.queues, self._token, died=False)
        except BrokerError as error:
            logger.error("%s The lease ends by itself.", error)
