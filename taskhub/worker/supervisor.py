"""
The supervisor: forks worker processes, a steward and companions, and waits.

It opens no connection and starts no thread, so that there is little in it that could
fail, and every fork is a clean copy. How a node stops, told by TERM, INT or HUP:

1. Worker processes and companions get TERM; none is replaced any more.
2. They are waited for: the grace period, and some seconds to write what has ended.
3. Those that are still there are killed.
4. Companions that are still there are killed. The steward is told of every process
   that died, and its pipe is closed: it gives back what they held, and ends.

A second signal, or QUIT, is at once: processes get QUIT, and two seconds.
"""

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from taskhub.discarding import discard_all
from taskhub.worker.node import Node
from taskhub.worker.process import LEAVES, Exit, WorkerProcess
from taskhub.worker.reload import RELOAD_EXIT, check_new_code, watch_code
from taskhub.worker.steward import DIED, LIVES, Steward

logger = logging.getLogger(__name__)

#: Beyond the grace period, for writing what has ended.
_WRITING_SECONDS = 6.0
_AT_ONCE_SECONDS = 2.0
#: A process that lived for less died too soon, and its successor has to wait.
_SHORT_LIFE_SECONDS = 5.0
_LONGEST_DELAY_SECONDS = 30.0

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HEARD_SIGNALS = (*_STOP_SIGNALS, signal.SIGQUIT, signal.SIGCHLD)


class Role(Enum):
    """What a child is for."""

    WORKER = auto()
    STEWARD = auto()
    COMPANION = auto()
    CODE_WATCH = auto()


@dataclass(frozen=True)
class Companion:
    """What else runs in a process of this node: a beat, say. Replaced when it dies."""

    name: str
    #: Blocks until TERM, or until what it is given says that the node is gone.
    run: Callable[[Callable[[], bool]], None]


@dataclass(frozen=True)
class Child:
    """A process that the supervisor has forked."""

    pid: int
    role: Role
    #: Of a worker process, the token that it holds messages under.
    token: str = ""
    companion: Companion | None = None
    born_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """One node. `run` blocks for its whole life and returns an exit code."""

    def __init__(
        self, node: Node, companions: Sequence[Companion] = (), *, reload: bool = False
    ) -> None:
        self._node = node
        self._companions = companions
        self._reload = reload
        self._children: dict[int, Child] = {}
        self._serial = 0
        self._short_lives = 0
        self._spawn_at = 0.0
        self._stopping = False
        self._kill_at: float | None = None
        self._restart = False
        self._drained = 0
        self._forced = False
        #: Tokens of processes that only finish what they run; others take their place.
        self._leaving: set[str] = set()
        # Only this process has the writing ends.
        self._lifeline, self._life = os.pipe()
        self._told, self._upwards = os.pipe()
        self._to_steward: int | None = None
        self._signals, self._signalled = os.pipe()

    def run(self) -> int:
        """Keep the node complete until it is told to stop, or is drained."""
        os.set_blocking(self._signalled, False)
        signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)
        for each in _HEARD_SIGNALS:
            signal.signal(each, lambda *_: None)
        while not self._is_over():
            self._spawn_missing()
            for number in self._wait_for_signals():
                self._handle(number)
            self._listen()
            self._bury_dead()
            self._kill_overdue()
        self._end_steward()
        if self._restart and not self._forced:
            self._execute_again()
        return 1 if self._forced else 0

    def _is_over(self) -> bool:
        finished = self._stopping or self._drained == self._node.processes
        return finished and not self._with_role(Role.WORKER)

    def _with_role(self, role: Role) -> list[Child]:
        return [child for child in self._children.values() if child.role is role]

    def _wait_for_signals(self) -> bytes:
        """Block until a signal comes, a child tells something, or it is time."""
        deadlines = [] if self._kill_at is None else [self._kill_at]
        if self._is_incomplete():
            deadlines.append(self._spawn_at)
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        select.select([self._signals, self._told], [], [], timeout)
        return _read_available(self._signals)

    def _listen(self) -> None:
        for line in _read_available(self._told).splitlines():
            word, _space, token = line.partition(b" ")
            if word == LEAVES:
                self._leaving.add(token.decode())

    def _handle(self, number: int) -> None:
        if number == signal.SIGQUIT or (number in _STOP_SIGNALS and self._stopping):
            if not self._forced:
                logger.warning("Stopping at once; what runs goes to other workers.")
            self._forced = self._stopping = True
            self._signal(Role.WORKER, signal.SIGQUIT)
            self._kill_at = time.monotonic() + _AT_ONCE_SECONDS
        elif number in _STOP_SIGNALS:
            logger.info(
                "Stopping; what runs has %g s. Once more stops at once.",
                self._node.grace_seconds,
            )
            self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._signal(Role.WORKER, signal.SIGTERM)
        self._signal(Role.COMPANION, signal.SIGTERM)
        seconds = self._node.grace_seconds + _WRITING_SECONDS
        self._kill_at = time.monotonic() + seconds

    def _signal(self, role: Role, number: int) -> None:
        for child in self._with_role(role):
            os.kill(child.pid, number)

    def _kill_overdue(self) -> None:
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            for child in self._with_role(Role.WORKER):
                logger.error("Killing %s, which does not end.", child.token)
            self._signal(Role.WORKER, signal.SIGKILL)
            self._forced = True
            self._kill_at = None

    # Births.

    def _staying(self) -> list[Child]:
        workers = self._with_role(Role.WORKER)
        return [child for child in workers if child.token not in self._leaving]

    def _is_incomplete(self) -> bool:
        if self._stopping:
            return False
        wanted = self._node.processes - self._drained
        there = {child.companion for child in self._children.values()}
        return len(self._staying()) < wanted or not there.issuperset(self._companions)

    def _spawn_missing(self) -> None:
        # Also while it stops: somebody has to keep the leases of what still runs.
        if not self._with_role(Role.STEWARD) and not self._is_over():
            self._spawn_steward()
        if self._reload and not self._with_role(Role.CODE_WATCH):
            self._fork(Role.CODE_WATCH, watch_code)
        if not self._stopping:
            self._spawn_companions()
        wanted = 0 if self._stopping else self._node.processes - self._drained
        while len(self._staying()) < wanted:
            if time.monotonic() < self._spawn_at:
                break
            self._spawn_worker()

    def _spawn_worker(self) -> None:
        token = self._node.make_token(self._serial)
        self._serial += 1
        self._tell_steward(LIVES, token)
        self._fork(
            Role.WORKER,
            lambda: WorkerProcess(
                self._node, token, self._lifeline, self._upwards
            ).run(),
            token,
        )

    def _spawn_companions(self) -> None:
        supervisor = os.getpid()
        there = {child.companion for child in self._children.values()}
        for companion in self._companions:
            if companion not in there and time.monotonic() >= self._spawn_at:
                self._fork(
                    Role.COMPANION,
                    partial(companion.run, lambda: os.getppid() == supervisor),
                    companion=companion,
                )

    def _spawn_steward(self) -> None:
        if self._to_steward is not None:
            os.close(self._to_steward)
        pipe, self._to_steward = os.pipe()
        self._fork(Role.STEWARD, lambda: Steward(self._node, pipe).run())
        os.close(pipe)
        for child in self._with_role(Role.WORKER):
            self._tell_steward(LIVES, child.token)

    def _fork(
        self,
        role: Role,
        work: Callable[[], int | None],
        token: str = "",
        companion: Companion | None = None,
    ) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that the child is sent before it has handlers of its own would be
        # heard here, as if it had been sent twice.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD_SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._become_child(work)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD_SIGNALS)
        self._children[pid] = Child(pid, role, token, companion)

    def _become_child(self, work: Callable[[], int | None]) -> None:
        code: int = Exit.FAULT
        try:
            signal.set_wakeup_fd(-1)
            for number in _HEARD_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD_SIGNALS)
            discard_all(for_fork=True)
            # As long as a child had one of these, its siblings would not see it close.
            os.close(self._life)
            if self._to_steward is not None:
                os.close(self._to_steward)
            os.close(self._signals)
            os.close(self._signalled)
            os.close(self._told)
            code = work() or 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else Exit.FAULT
        except BaseException:
            logger.exception("A fault of taskhub.")
        finally:
            # Not sys.exit: what the parent wants done at its exit is not this one's.
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    # Deaths.

    def _bury_dead(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            child = self._children.pop(pid, None)
            if child is not None:
                self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: Child, code: int) -> None:
        if child.role is Role.WORKER:
            self._tell_steward(DIED, child.token)
            self._judge_death(child, code)
        elif child.role is Role.CODE_WATCH and code == RELOAD_EXIT:
            self._take_new_code()
        elif not self._stopping:
            name = child.companion.name if child.companion else child.role.name.lower()
            logger.error("The %s ended with %s.", name, _tell(code))
            if child.role is Role.COMPANION:
                self._delay_successor(child)

    def _judge_death(self, child: Child, code: int) -> None:
        if child.token in self._leaving:
            self._leaving.discard(child.token)
        elif code == Exit.DRAINED:
            self._drained += 1
        elif not self._stopping:
            logger.error("The process %s ended with %s.", child.token, _tell(code))
            self._delay_successor(child)

    def _delay_successor(self, child: Child) -> None:
        if time.monotonic() - child.born_at > _SHORT_LIFE_SECONDS:
            self._short_lives = 0
            return
        # The first successor comes at once; only a series of short lives is slowed.
        delay = min(2.0**self._short_lives - 1, _LONGEST_DELAY_SECONDS)
        self._short_lives += 1
        self._spawn_at = time.monotonic() + delay

    def _tell_steward(self, kind: str, token: str) -> None:
        if self._to_steward is None:
            return
        try:
            os.write(self._to_steward, f"{kind}{token}\n".encode())
        except BrokenPipeError:
            # It has died. Its successor is told of the living, and takes back what
            # the dead held when their leases end.
            logger.warning("The steward did not hear that %s%s.", kind, token)

    def _end_steward(self) -> None:
        # What a companion was at is either committed or never was.
        self._signal(Role.COMPANION, signal.SIGKILL)
        self._signal(Role.CODE_WATCH, signal.SIGKILL)
        if self._to_steward is not None:
            os.close(self._to_steward)
            self._to_steward = None
        while self._children:
            pid, _status = os.waitpid(-1, 0)
            self._children.pop(pid, None)

    # New code.

    def _take_new_code(self) -> None:
        if self._stopping:
            return
        # Before the check, which takes a while: the next change is not to be missed.
        self._fork(Role.CODE_WATCH, watch_code)
        if not check_new_code():
            logger.error("The changed code does not load; the old one runs on.")
            return
        logger.info("The code has changed; starting anew.")
        self._restart = True
        self._stop()

    def _execute_again(self) -> None:
        signal.set_wakeup_fd(-1)
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606  our own command line


def _read_available(pipe: int) -> bytes:
    """Return what a pipe has to be read; nothing is fine."""
    os.set_blocking(pipe, False)
    try:
        return os.read(pipe, 4096)
    except BlockingIOError:
        return b""


def _tell(code: int) -> str:
    """Tell an exit code in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
