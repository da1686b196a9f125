"""
The process group of a worker process: it and the processes that its tasks start.

Each worker process leads a process group. The programs and pools that its tasks start
belong to the group, and so do their children. When the worker process has ended, the
supervisor kills the rest of the group. If the supervisor is gone, the worker process
kills its own group as its last step. A process that a task starts in another session or
group, as with `subprocess.Popen(start_new_session=True)`, is not killed.

Ctrl-C does not interrupt such a group, but the group cannot read from the terminal
either. So a worker process whose standard input is a terminal stays in the supervisor's
group, for debuggers. It only kills processes that `multiprocessing` has started.
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
from taskhub.worker.process_signals import limit_hooks, send_ending


def lead_own_group() -> None:
    """Begin a process group after the fork; drop the supervisor's hooks of `atexit`."""
    # These hooks may delete what other processes still use.
    atexit._clear()
    if not _has_terminal():
        os.setpgid(0, 0)


def kill_group(worker: int) -> None:
    """Kill the rest of the group of a worker process that has ended."""
    # No process is left, or the rest runs as another user.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)


class ProcessExit:
    """The end of this worker process and of its group."""

    def __init__(self) -> None:
        self._supervisor = os.getppid()

    def exit(self, code: int, *, with_hooks: bool) -> NoReturn:
        """
        Call receivers of `process_ending`, and exit. Any thread may call this.

        With `with_hooks`, also call the hooks of `atexit`: not while tasks still run.
        """
        limit_hooks(lambda: self._exit_at_once(code))
        send_ending()
        if with_hooks:
            atexit._run_exitfuncs()
        self._exit_at_once(code)

    def _exit_at_once(self, code: int) -> NoReturn:
        close_logging()
        flush_output()
        if os.getpgrp() != os.getpid():
            for child in multiprocessing.active_children():
                child.kill()
        elif os.getppid() != self._supervisor:
            # The supervisor is gone, and cannot kill the group.
            os.killpg(0, signal.SIGKILL)
        os._exit(code)


def _has_terminal() -> bool:
    try:
        return os.isatty(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        # There is no standard input, or it was closed.
        return False
