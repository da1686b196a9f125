"""The processes that a supervisor has forked."""

import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from taskhub.discarding import discard_all
from taskhub.execution.isolation.log_listeners import (
    close_logging,
    restart_log_listeners,
)
from taskhub.execution.isolation.output import flush_output
from taskhub.worker.process_group import kill_group
from taskhub.worker.process_signals import limit_hooks, tell_ending

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: What a supervisor hears; its children begin without.
HEARD_SIGNALS = (*STOP_SIGNALS, signal.SIGQUIT, signal.SIGCHLD)

#: What a child ends with that its own code has not foreseen.
FAULT = 1
_LOOK_SECONDS = 0.01


class Role(Enum):
    """What a child is for."""

    WORKER = auto()
    STEWARD = auto()
    COMPANION = auto()
    CODE_WATCH = auto()
    CODE_CHECK = auto()


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

    @property
    def name(self) -> str:
        """What it is, for people."""
        if self.companion:
            return self.companion.name
        return self.token or self.role.name.lower().replace("_", " ")


class Children:
    """
    Forks, signals and buries. `begin` is what a child does first, in its process.

    Each child has a line: a pipe whose writing end only the supervisor has. It reads
    what the supervisor says, and its end when the supervisor is gone.
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._children: dict[int, Child] = {}
        #: The writing ends of their lines.
        self._lines: dict[int, int] = {}

    def fork(
        self,
        role: Role,
        work: Callable[[int], int | None],
        *,
        token: str = "",
        companion: Companion | None = None,
    ) -> Child:
        """
        Start a child that does `work`, and ends with what that returns.

        `work` is given the reading end of the child's line.
        """
        reading, line = os.pipe()
        # Else the child would print it once more.
        flush_output()
        # A signal that the child is sent before it has handlers of its own would be
        # heard here, as if it had been sent twice.
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD_SIGNALS)
        pid = os.fork()
        if pid == 0:
            os.close(line)
            self._become(partial(work, reading))
        os.close(reading)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD_SIGNALS)
        child = self._children[pid] = Child(pid, role, token, companion)
        self._lines[pid] = line
        return child

    def _become(self, work: Callable[[], int | None]) -> None:
        code: int = FAULT
        try:
            signal.set_wakeup_fd(-1)
            for number in HEARD_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD_SIGNALS)
            discard_all(for_fork=True)
            # While this has the lines of its siblings, they would not see them end.
            for line in self._lines.values():
                os.close(line)
            restart_log_listeners()
            self._begin()
            code = work() or 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else FAULT
        except BaseException:
            logger.exception("A fault of taskhub.")
        finally:
            # Not sys.exit: what the parent wants done at its exit is not this one's.
            limit_hooks(lambda: os._exit(code))
            tell_ending()
            close_logging()
            flush_output()
            os._exit(code)

    def with_role(self, role: Role) -> list[Child]:
        """Return the children of a role, in the order of their birth."""
        return [child for child in self._children.values() if child.role is role]

    def with_token(self, token: str) -> Child | None:
        """Return the worker process of a token, if it lives."""
        for child in self._children.values():
            if child.token == token:
                return child
        return None

    @property
    def companions(self) -> set[Companion]:
        """Which companions there are."""
        return {each.companion for each in self._children.values() if each.companion}

    def signal(self, role: Role, number: int) -> None:
        """Send a signal to all of a role."""
        for child in self.with_role(role):
            os.kill(child.pid, number)

    def tell(self, role: Role, word: bytes) -> None:
        """Say something to all of a role."""
        for child in self.with_role(role):
            self.tell_one(child, word)

    def tell_one(self, child: Child, word: bytes) -> None:
        """Say something through a child's line; in vain if it has just died."""
        with suppress(BrokenPipeError):
            os.write(self._lines[child.pid], word)

    def hang_up(self, role: Role) -> None:
        """End the lines of all of a role, which end by themselves then."""
        for child in self.with_role(role):
            self._close_line(child)

    def _close_line(self, child: Child) -> None:
        if (line := self._lines.pop(child.pid, None)) is not None:
            os.close(line)

    def reap(self, *, block: bool = False) -> list[tuple[Child, int]]:
        """Return those that have ended, with their exit codes; or wait for all."""
        reaped = []
        while self._children:
            pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
            if pid == 0:
                break
            if (child := self._children.pop(pid, None)) is not None:
                self._close_line(child)
                if child.role is Role.WORKER:
                    kill_group(pid)
                reaped.append((child, os.waitstatus_to_exitcode(status)))
        return reaped

    def wait_for(self, role: Role, seconds: float) -> None:
        """Bury what ends, until no child of a role is left or the time is over."""
        end = time.monotonic() + seconds
        while self.with_role(role) and time.monotonic() < end:
            self.reap()
            time.sleep(_LOOK_SECONDS)


def tell_exit(code: int) -> str:
    """Tell an exit code in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
