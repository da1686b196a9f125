"""
The supervisor process; see `taskhub.worker.supervisor` for its children and pipes.

When a child dies, the supervisor notices, tells the steward, and starts another one.

How a node stops on TERM, INT or HUP:

1. Worker processes are told to stop through their lines, and companions by TERM. No
   process but the steward is replaced any more.
2. The supervisor waits for the worker processes until the end of the grace period. They
   stop waiting for their tasks early enough to write outcomes and give messages back.
3. Worker processes that are still there are killed.
4. Companions that are still there are killed. The steward, which is told of every
   death, takes back what the dead held. It ends when its pipe is closed.

A second signal, or QUIT, stops at once: worker processes are told so, and are killed
after two seconds. A signal within a second of the first counts as the first, since some
programs signal both a process and its group. Worker processes get no signal but KILL,
since a task may have replaced their handlers: see watch.py.
"""

import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Sequence

from taskhub.execution.isolation.log_listeners import find_log_listeners
from taskhub.foundation.readiness import wait_readable
from taskhub.foundation.stop_signals import SAME_STOP_SECONDS, STOP_SIGNALS
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.pipes import (
    AT_ONCE_BYTE,
    BEGINS,
    DIED,
    ENDS,
    KILL,
    LEAVES,
    LIVES,
    QUIET,
    RESIZE,
    RESUME,
    STOP,
    STOP_BYTE,
    read_available,
    read_words,
)
from taskhub.worker.process.worker_process import ExitCode, WorkerProcess
from taskhub.worker.process_signals import send_started
from taskhub.worker.quiet import Quiet
from taskhub.worker.scoreboard import Scoreboard
from taskhub.worker.steward.steward import Steward
from taskhub.worker.supervisor.children import (
    Child,
    Children,
    Companion,
    Role,
    describe_exit,
)
from taskhub.worker.supervisor.reload import Reloading, execute_again
from taskhub.worker.supervisor.respawn import RespawnDelay
from taskhub.worker.supervisor.signal_pipe import SignalPipe
from taskhub.worker.supervisor.steward_pipe import StewardPipe
from taskhub.worker.supervisor.stuck_runs import StuckRuns

logger = logging.getLogger(__name__)

#: How long worker processes have to exit when they are told to end at once.
_AT_ONCE_SECONDS = 2.0
#: Worker processes exit when the grace period ends, and are killed this much later.
_SLACK_SECONDS = 1.0
#: How long companions may take after the last worker process has ended.
_COMPANION_SECONDS = 4.0


class Supervisor:
    """One node. `run` blocks for its whole life and returns an exit code."""

    def __init__(
        self,
        node: NodeOptions,
        companions: Sequence[Companion] = (),
        *,
        probes: socket.socket | None = None,
        reload: bool = False,
    ) -> None:
        self._node = node
        self._companions = companions
        #: Where probes are answered; held here, so that no other process takes it.
        self._probes = probes
        self._children = Children(self._close_ours)
        self._reloading = Reloading(self._children, self._take_new_code, reload)
        #: The number of the next worker process.
        self._serial = 0
        self._wanted_processes = node.processes
        self._drained_processes = 0
        self._quiet = Quiet()
        self._scoreboard = Scoreboard(node.threads + node.async_tasks)
        self._respawn_delay = RespawnDelay()
        self._stopping = False
        self._stops_at_once = False
        self._restarts = False
        self._kill_at: float | None = None
        self._first_signal_at: float | None = None
        #: Tokens of processes that take no new messages, and are replaced already.
        self._leaving: set[str] = set()
        self._stuck_runs = StuckRuns()
        self._from_children, self._upwards = os.pipe()
        self._steward_pipe = StewardPipe()
        self._had_steward = False
        self._signals = SignalPipe()

    def _close_ours(self) -> None:
        """Close, in a child, this process's ends of pipes, which would stay open."""
        self._signals.close()
        os.close(self._from_children)
        self._steward_pipe.close()

    def hear_signals(self) -> None:
        """Collect signals from now on; run() handles them."""
        self._signals.open()

    def run(self) -> int:
        """Keep the node complete until it is told to stop, or is drained."""
        # Children share the memory of what exists by now; see gc.freeze().
        find_log_listeners()
        gc.collect()
        gc.freeze()
        while not self._is_over():
            self._spawn_missing()
            for number in self._wait():
                self._handle_signal(number)
            self._listen()
            for child, code in self._children.reap():
                self._handle_exit(child, code)
            self._kill_overdue()
        self._end()
        if self._restarts and not self._stops_at_once:
            execute_again()
        return 1 if self._stops_at_once else 0

    def _is_over(self) -> bool:
        is_drained = self._drained_processes >= self._wanted_processes
        return (self._stopping or is_drained) and not self._workers()

    def _workers(self) -> list[Child]:
        return self._children.with_role(Role.WORKER)

    def _staying(self) -> list[Child]:
        return [each for each in self._workers() if each.token not in self._leaving]

    def _wait(self) -> bytes:
        """Block until a signal or a message comes, or something is due."""
        deadlines = [*self._stuck_runs.deadlines]
        if self._kill_at is not None:
            deadlines.append(self._kill_at)
        if self._is_incomplete() or self._lacks_steward():
            deadlines.append(self._respawn_delay.ends_at)
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        wait_readable([self._signals.reading_end, self._from_children], timeout)
        return self._signals.read()

    def _listen(self) -> None:
        for word, token, rest in read_words(read_available(self._from_children)):
            if word == LEAVES:
                self._leaving.add(token)
            elif word == BEGINS:
                run, hard_timeout = rest
                self._stuck_runs.begin(token, run, float(hard_timeout))
            elif word == ENDS:
                self._stuck_runs.end(token, rest[0])
            else:
                self._obey(word, rest)

    def _obey(self, word: str, rest: list[str]) -> None:
        if word == STOP and not self._stopping:
            logger.info("Stopping, as requested.")
            self._stop()
        elif word == QUIET:
            logger.info("Quiet, as requested: no new tasks are started.")
            self._quiet.set(True)
        elif word == RESUME:
            logger.info("Resuming, as requested.")
            self._quiet.set(False)
        elif word == RESIZE and not self._stopping:
            self._resize(int(rest[0]))
        elif word == KILL and (child := self._children.with_token(rest[0])):
            logger.error(
                "Killing %s: it does not end a run that was cancelled by force.",
                child.name,
            )
            os.kill(child.pid, signal.SIGKILL)

    def _resize(self, processes: int) -> None:
        logger.info("Changing to %d processes, as requested.", processes)
        self._wanted_processes = processes
        for surplus in self._staying()[processes:]:
            self._leaving.add(surplus.token)
            self._children.tell_one(surplus, STOP_BYTE)

    def _handle_signal(self, number: int) -> None:
        if number in STOP_SIGNALS and self._is_same_stop():
            return
        if number == signal.SIGQUIT or (number in STOP_SIGNALS and self._stopping):
            if not self._stops_at_once:
                logger.warning("Stopping at once; running tasks go to other workers.")
            self._stops_at_once = self._stopping = True
            self._children.tell(Role.WORKER, AT_ONCE_BYTE)
            self._kill_at = time.monotonic() + _AT_ONCE_SECONDS
        elif number in STOP_SIGNALS:
            self._first_signal_at = time.monotonic()
            logger.info(
                "Stopping; running tasks have %g s. A second signal stops at once.",
                self._node.grace_seconds,
            )
            self._stop()

    def _is_same_stop(self) -> bool:
        at = self._first_signal_at
        return at is not None and time.monotonic() - at < SAME_STOP_SECONDS

    def _stop(self) -> None:
        self._stopping = True
        self._children.tell(Role.WORKER, STOP_BYTE)
        self._children.signal(Role.COMPANION, signal.SIGTERM)
        seconds = self._node.grace_seconds + _SLACK_SECONDS
        self._kill_at = time.monotonic() + seconds

    def _kill_overdue(self) -> None:
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            for child in self._workers():
                logger.error("Killing %s, which does not end.", child.name)
            self._children.signal(Role.WORKER, signal.SIGKILL)
            self._stops_at_once = True
            self._kill_at = None
        for token, run in self._stuck_runs.take():
            if (stuck := self._children.with_token(token)) is not None:
                logger.error("Killing %s: it is stuck in %s.", stuck.name, run)
                os.kill(stuck.pid, signal.SIGKILL)

    def _is_incomplete(self) -> bool:
        if self._stopping:
            return False
        companions = self._children.companions
        wanted = self._wanted_processes - self._drained_processes
        missing = wanted - len(self._staying())
        return missing > 0 or not companions.issuperset(self._companions)

    def _lacks_steward(self) -> bool:
        # Also while the node stops: the leases of running tasks have to be kept.
        return not self._children.with_role(Role.STEWARD)

    def _spawn_missing(self) -> None:
        if self._lacks_steward() and self._respawn_delay.is_over:
            self._spawn_steward()
        if not self._stopping:
            self._reloading.watch()
        while self._is_incomplete() and self._respawn_delay.is_over:
            self._spawn_one()

    def _spawn_one(self) -> None:
        missing = set(self._companions) - self._children.companions
        if not missing:
            self._spawn_worker()
            return
        companion, supervisor = missing.pop(), os.getpid()
        self._children.fork(
            Role.COMPANION,
            lambda line: companion.run(lambda: os.getppid() == supervisor),
            companion=companion,
        )

    def _spawn_worker(self) -> None:
        token = self._node.make_token(self._serial)
        self._serial += 1
        number = self._scoreboard.find_free()

        def work(line: int) -> None:
            if self._probes is not None:
                self._probes.close()
            section = self._scoreboard.open(number)
            WorkerProcess(
                self._node, token, self._quiet, line, self._upwards, section
            ).run()

        child = self._children.fork(Role.WORKER, work, token=token)
        self._scoreboard.give(number, child.pid)
        self._steward_pipe.tell(LIVES, child)

    def _spawn_steward(self) -> None:
        pipe = self._steward_pipe.renew()
        is_first, self._had_steward = not self._had_steward, True

        def work(line: int) -> None:
            send_started("steward")
            Steward(
                self._node,
                pipe,
                self._upwards,
                self._scoreboard,
                self._probes,
                is_first=is_first,
            ).run()

        self._children.fork(Role.STEWARD, work)
        os.close(pipe)
        for child in self._workers():
            self._steward_pipe.tell(LIVES, child)

    def _handle_exit(self, child: Child, code: int) -> None:
        if child.role is Role.WORKER:
            self._steward_pipe.tell(DIED, child)
            self._scoreboard.take_back(child.pid)
            self._stuck_runs.forget(child.token)
            is_expected = self._handle_worker_exit(child, code)
        else:
            is_expected = self._reloading.handle_exit(child, code)
        if not (is_expected or self._stopping):
            logger.error("The %s ended with %s.", child.name, describe_exit(code))
            self._respawn_delay.note_death(child, code)

    def _handle_worker_exit(self, child: Child, code: int) -> bool:
        """Return whether a worker process was leaving, or has drained its queues."""
        if child.token in self._leaving:
            self._leaving.discard(child.token)
            return True
        if code == ExitCode.DRAINED:
            self._drained_processes += 1
            return True
        return False

    def _end(self) -> None:
        if not self._stopping:
            self._children.signal(Role.COMPANION, signal.SIGTERM)
        seconds = 0 if self._stops_at_once else _COMPANION_SECONDS
        self._children.wait_for(Role.COMPANION, seconds)
        # A killed companion loses nothing: its work is either committed or rolled back.
        self._children.signal(Role.COMPANION, signal.SIGKILL)
        self._reloading.stop()
        self._steward_pipe.close()
        self._children.reap(block=True)

    def _take_new_code(self) -> None:
        if not self._stopping:
            logger.info("The code has changed; restarting.")
            self._restarts = True
            self._stop()
