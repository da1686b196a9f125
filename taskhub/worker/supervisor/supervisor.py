"""
The supervisor: forks worker processes, a steward and companions, and waits.

It opens no connection and starts no thread, so that there is little in it that could
fail, and every fork is a clean copy. How a node stops, told by TERM, INT or HUP:

1. Worker processes are told by their lines, and companions by TERM; none is replaced
   any more.
2. They are waited for until the end of the grace period; they give up on what runs
   early enough to write and give back in time.
3. Those that are still there are killed.
4. Companions that are still there are killed. The steward is told of every process
   that died, and its pipe is closed: it gives back what they held, and ends.

A second signal, or QUIT, is at once: processes are told so, and get two seconds. What
comes within a second of the first is the first one again, since some programs signal
both a process and its group. Worker processes are told by no signal, which a task may
have taken over: see watch.py.
"""

import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence

from taskhub.execution.isolation.log_listeners import find_log_listeners
from taskhub.foundation.readiness import wait_readable
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
from taskhub.worker.process_signals import tell_started
from taskhub.worker.quiet import Quiet
from taskhub.worker.scoreboard import Scoreboard
from taskhub.worker.steward.steward import Steward
from taskhub.worker.supervisor.children import (
    HEARD_SIGNALS,
    STOP_SIGNALS,
    Child,
    Children,
    Companion,
    Role,
    tell_exit,
)
from taskhub.worker.supervisor.reload import Reloading
from taskhub.worker.supervisor.respawn import RespawnDelay
from taskhub.worker.supervisor.stuck_runs import StuckRuns

logger = logging.getLogger(__name__)

_AT_ONCE_SECONDS = 2.0
_SAME_SIGNAL_SECONDS = 1.0
#: Beyond the grace period, at whose end processes end by themselves.
_SLACK_SECONDS = 1.0
#: How long companions may take when the last worker process has ended.
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
        self._serial = 0
        #: How many worker processes there are to be.
        self._wanted = node.processes
        self._quiet = Quiet()
        #: Where worker processes show the steward what they run.
        self._scoreboard = Scoreboard(node.threads + node.async_tasks)
        self._respawn_delay = RespawnDelay()
        self._stopping = False
        self._kill_at: float | None = None
        #: When the first signal to stop was heard.
        self._signalled_at: float | None = None
        self._restart = False
        self._drained = 0
        self._forced = False
        #: Tokens of processes that only finish what they run; others take their place.
        self._leaving: set[str] = set()
        self._stuck_runs = StuckRuns()
        self._told, self._upwards = os.pipe()
        self._to_steward: int | None = None
        self._signals, self._signalled = os.pipe()

    def _close_ours(self) -> None:
        """In a child: while it has these, its siblings would not see them close."""
        for descriptor in (self._signals, self._signalled, self._told):
            os.close(descriptor)
        if self._to_steward is not None:
            os.close(self._to_steward)

    def hear_signals(self) -> None:
        """Hear signals from now on, and heed them in run()."""
        os.set_blocking(self._signalled, False)
        signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)
        for each in HEARD_SIGNALS:
            signal.signal(each, lambda *_: None)

    def run(self) -> int:
        """Keep the node complete until it is told to stop, or is drained."""
        # What is there by now is shared with all children, and stays so while their
        # garbage collectors do not look at it. See gc.freeze().
        find_log_listeners()
        gc.collect()
        gc.freeze()
        while not self._is_over():
            self._spawn_missing()
            for number in self._wait():
                self._handle(number)
            self._listen()
            for child, code in self._children.reap():
                self._handle_exit(child, code)
            self._kill_overdue()
        self._end()
        if self._restart and not self._forced:
            self._execute_again()
        return 1 if self._forced else 0

    def _is_over(self) -> bool:
        finished = self._stopping or self._drained >= self._wanted
        return finished and not self._workers()

    def _workers(self) -> list[Child]:
        return self._children.with_role(Role.WORKER)

    def _staying(self) -> list[Child]:
        return [each for each in self._workers() if each.token not in self._leaving]

    # What is heard.

    def _wait(self) -> bytes:
        """Block until a signal comes, a child tells something, or it is time."""
        deadlines = [*self._stuck_runs.deadlines]
        if self._kill_at is not None:
            deadlines.append(self._kill_at)
        if self._is_incomplete() or self._lacks_steward():
            deadlines.append(self._respawn_delay.ends_at)
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        wait_readable([self._signals, self._told], timeout)
        return read_available(self._signals)

    def _listen(self) -> None:
        for word, token, rest in read_words(read_available(self._told)):
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
        """Do what somebody has asked of the node."""
        if word == STOP and not self._stopping:
            logger.info("Stopping, as was asked of this node.")
            self._stop()
        elif word in (QUIET, RESUME):
            logger.info("Asked to be %s.", word)
            self._quiet.set(word == QUIET)
        elif word == RESIZE and not self._stopping:
            self._resize(int(rest[0]))
        elif word == KILL and (child := self._children.with_token(rest[0])):
            logger.error(
                "Killing %s: it does not end what was cancelled by force.", child.name
            )
            os.kill(child.pid, signal.SIGKILL)

    def _resize(self, processes: int) -> None:
        logger.info("Asked to have %d processes.", processes)
        self._wanted = processes
        for surplus in self._staying()[processes:]:
            self._leaving.add(surplus.token)
            self._children.tell_one(surplus, STOP_BYTE)

    def _handle(self, number: int) -> None:
        if number in STOP_SIGNALS and self._is_same_stop():
            return
        if number == signal.SIGQUIT or (number in STOP_SIGNALS and self._stopping):
            if not self._forced:
                logger.warning("Stopping at once; what runs goes to other workers.")
            self._forced = self._stopping = True
            self._children.tell(Role.WORKER, AT_ONCE_BYTE)
            self._kill_at = time.monotonic() + _AT_ONCE_SECONDS
        elif number in STOP_SIGNALS:
            self._signalled_at = time.monotonic()
            logger.info(
                "Stopping; what runs has %g s. Once more stops at once.",
                self._node.grace_seconds,
            )
            self._stop()

    def _is_same_stop(self) -> bool:
        at = self._signalled_at
        return at is not None and time.monotonic() - at < _SAME_SIGNAL_SECONDS

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
            self._forced = True
            self._kill_at = None
        for token, run in self._stuck_runs.take():
            if (stuck := self._children.with_token(token)) is not None:
                logger.error("Killing %s: it is stuck in %s.", stuck.name, run)
                os.kill(stuck.pid, signal.SIGKILL)

    # Births.

    def _is_incomplete(self) -> bool:
        if self._stopping:
            return False
        companions = self._children.companions
        missing = self._wanted - self._drained - len(self._staying())
        return missing > 0 or not companions.issuperset(self._companions)

    def _lacks_steward(self) -> bool:
        # Also while it stops: somebody has to keep the leases of what still runs.
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
        self._tell_steward(LIVES, child)

    def _spawn_steward(self) -> None:
        if self._to_steward is not None:
            os.close(self._to_steward)
            self._to_steward = None
        pipe, to_steward = os.pipe()

        def work(line: int) -> None:
            os.close(to_steward)
            tell_started("steward")
            Steward(
                self._node, pipe, self._upwards, self._scoreboard, self._probes
            ).run()

        self._children.fork(Role.STEWARD, work)
        self._to_steward = to_steward
        os.close(pipe)
        for child in self._workers():
            self._tell_steward(LIVES, child)

    # Deaths.

    def _handle_exit(self, child: Child, code: int) -> None:
        if child.role is Role.WORKER:
            self._tell_steward(DIED, child)
            self._scoreboard.take_back(child.pid)
            self._stuck_runs.forget(child.token)
            self._judge_death(child, code)
        elif self._reloading.hear_end(child, code):
            return
        elif not self._stopping:
            logger.error("The %s ended with %s.", child.name, tell_exit(code))
            self._respawn_delay.note_death(child, code)

    def _judge_death(self, child: Child, code: int) -> None:
        if child.token in self._leaving:
            self._leaving.discard(child.token)
        elif code == ExitCode.DRAINED:
            self._drained += 1
        elif not self._stopping:
            logger.error("The process %s ended with %s.", child.name, tell_exit(code))
            self._respawn_delay.note_death(child, code)

    def _tell_steward(self, kind: str, child: Child) -> None:
        if self._to_steward is None:
            return
        try:
            os.write(self._to_steward, f"{kind} {child.token} {child.pid}\n".encode())
        except BrokenPipeError:
            # It has died. Its successor is told of the living, and takes back what
            # the dead held when their leases end.
            logger.warning("The steward did not hear that %s %s.", kind, child.token)

    def _end(self) -> None:
        if not self._stopping:
            self._children.signal(Role.COMPANION, signal.SIGTERM)
        seconds = 0 if self._forced else _COMPANION_SECONDS
        self._children.wait_for(Role.COMPANION, seconds)
        # What a companion was at is either committed or never was.
        self._children.signal(Role.COMPANION, signal.SIGKILL)
        self._reloading.stop()
        if self._to_steward is not None:
            os.close(self._to_steward)
            self._to_steward = None
        self._children.reap(block=True)

    # New code.

    def _take_new_code(self) -> None:
        if not self._stopping:
            logger.info("The code has changed; starting anew.")
            self._restart = True
            self._stop()

    def _execute_again(self) -> None:
        signal.set_wakeup_fd(-1)
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606  our own command line
