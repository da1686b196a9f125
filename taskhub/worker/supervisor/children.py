"""The children of the supervisor, which reaps them in its loop."""

import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from taskhub.db import discard_all
from taskhub.execution.isolation.log_listeners import (
    close_logging,
    restart_log_listeners,
)
from taskhub.execution.isolation.output import flush_output
from taskhub.worker.process_group import kill_group
from taskhub.worker.process_signals import limit_hooks, send_ending
from taskhub.worker.supervisor.signal_pipe import HANDLED_SIGNALS

logger = logging.getLogger(__name__)

#: The exit code of a child after an unexpected exception.
FAULT = 1
_POLL_SECONDS = 0.01


class Role(Enum):
    WORKER = auto()
    STEWARD = auto()
    COMPANION = auto()
    CODE_WATCH = auto()
    CODE_CHECK = auto()


@dataclass(frozen=True)
class Companion:
    """Another process of the node, such as a beat. It is replaced when it dies."""

    name: str
    #: Blocks until TERM, or until its argument returns False. It has to call this
    #: argument from time to time: False means that the supervisor is gone.
    run: Callable[[Callable[[], bool]], None]


@dataclass(frozen=True)
class Child:
    """A process that the supervisor has forked."""

    pid: int
    role: Role
    #: The token of a worker process; empty for other roles.
    token: str = ""
    companion: Companion | None = None
    born_at: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        if self.companion:
            return self.companion.name
        if self.token:
            return f"process {self.token}"
        return self.role.name.lower().replace("_", " ")


class Children:
    """
    Forks, signals and reaps. Each child calls `begin` first.

    Each child has a line: a pipe whose writing end only the supervisor has. The child
    reads commands from it; the line ends when the supervisor is gone.
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._children: dict[int, Child] = {}
        #: The writing end of each line, by pid.
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
        Start a child that calls `work` and exits with the code that it returns.

        `work` takes the reading end of the child's line.
        """
        reading, line = os.pipe()
        # Otherwise the child would print the buffered output once more.
        flush_output()
        # A child's signals come to this process until the child has reset its handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED_SIGNALS)
        pid = os.fork()
        if pid == 0:
            os.close(line)
            self._become(partial(work, reading))
        os.close(reading)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED_SIGNALS)
        child = self._children[pid] = Child(pid, role, token, companion)
        self._lines[pid] = line
        return child

    def _become(self, work: Callable[[], int | None]) -> None:
        code: int = FAULT
        try:
            signal.set_wakeup_fd(-1)
            for number in HANDLED_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED_SIGNALS)
            discard_all(for_fork=True)
            # While this process had its siblings' lines open, they would not end.
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
            # Not sys.exit(), which would call the parent's hooks of atexit.
            limit_hooks(lambda: os._exit(code))
            send_ending()
            close_logging()
            flush_output()
            os._exit(code)

    def with_role(self, role: Role) -> list[Child]:
        """Return the children with a role, the oldest first."""
        return [child for child in self._children.values() if child.role is role]

    def with_token(self, token: str) -> Child | None:
        for child in self._children.values():
            if child.token == token:
                return child
        return None

    @property
    def companions(self) -> set[Companion]:
        return {each.companion for each in self._children.values() if each.companion}

    def signal(self, role: Role, number: int) -> None:
        for child in self.with_role(role):
            os.kill(child.pid, number)

    def tell(self, role: Role, word: bytes) -> None:
        """Write a command into the lines of all children with a role."""
        for child in self.with_role(role):
            self.tell_one(child, word)

    def tell_one(self, child: Child, word: bytes) -> None:
        """Write a command into a child's line; it is lost if the child has died."""
        with suppress(BrokenPipeError):
            os.write(self._lines[child.pid], word)

    def hang_up(self, role: Role) -> None:
        """Close the lines of all children with a role, which makes them exit."""
        for child in self.with_role(role):
            self._close_line(child)

    def _close_line(self, child: Child) -> None:
        if (line := self._lines.pop(child.pid, None)) is not None:
            os.close(line)

    def reap(self, *, block: bool = False) -> list[tuple[Child, int]]:
        """Return ended children and their exit codes. With `block`, wait for all."""
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
        """Reap until no child with a role is left, or for `seconds`."""
        end = time.monotonic() + seconds
        while self.with_role(role) and time.monotonic() < end:
            self.reap()
            time.sleep(_POLL_SECONDS)


def describe_exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
