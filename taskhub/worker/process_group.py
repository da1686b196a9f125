"""
What remains of a worker process when it has ended: processes that its tasks started.

Each worker process leads a process group of its own. What its tasks start belongs to
it: programs, pools, and what these start. When the worker process has ended, in
whichever way, the supervisor kills what is left of the group. If the supervisor is
gone, too, the worker process does so itself, as its last act. What a task gives a
session or a group of its own, as with `subprocess.Popen(start_new_session=True)`, is
meant to stay, and is left alone.

A group of its own is not interrupted by Ctrl-C, but it cannot read from a terminal.
So a worker process that has a terminal as its standard input stays in the
supervisor's group, for debuggers, and only ends what `multiprocessing` knows of.
"""

import atexit
import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from taskhub.execution.isolation.log_listeners import close_logging
from taskhub.execution.isolation.output import flush_output
from taskhub.worker.process_signals import limit_hooks, tell_ending


def lead_own_group() -> None:
    """In a worker process that has just been forked: begin a group, and no hooks."""
    # Those of the supervisor may delete what others still use.
    atexit._clear()
    if not _has_terminal():
        os.setpgid(0, 0)


def kill_group(worker: int) -> None:
    """Kill what is left of the group of a worker process that has ended."""
    # Nothing is left, or it runs as somebody else.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)


class ProcessExit:
    """The end of this worker process, and of what it leaves behind."""

    def __init__(self) -> None:
        self._supervisor = os.getppid()

    def exit(self, code: int) -> NoReturn:
        """Do what the site, and tasks with `atexit`, want done at the end; and end."""
        limit_hooks(lambda: self.exit_at_once(code))
        tell_ending()
        atexit._run_exitfuncs()
        self.exit_at_once(code)

    def exit_under_runs(self, code: int) -> NoReturn:
        """End under tasks that go on, without hooks of `atexit`; from any thread."""
        limit_hooks(lambda: self.exit_at_once(code))
        tell_ending()
        self.exit_at_once(code)

    def exit_at_once(self, code: int) -> NoReturn:
        """End; from any thread."""
        close_logging()
        flush_output()
        if os.getpgrp() != os.getpid():
            for child in multiprocessing.active_children():
                child.kill()
        elif os.getppid() != self._supervisor:
            # Nobody else is left to do it.
            os.killpg(0, signal.SIGKILL)
        os._exit(code)


def _has_terminal() -> bool:
    try:
        return os.isatty(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        # There is no standard input, or it is closed.
        return False
