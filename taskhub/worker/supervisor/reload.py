"""
For development: notice changes of the code, and check that the changed code loads.

The supervisor forks a child for each. A child exits when its line ends: see `Children`.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from threading import Thread

from django.utils import autoreload

from taskhub.worker.supervisor.children import Child, Children, Role

logger = logging.getLogger(__name__)

#: The exit code of Django's reloader when a file has changed.
_CHANGED_CODE = 3


class Reloading:
    """If `is_wanted`, watches the code; calls `take` when it has changed and loads."""

    def __init__(
        self, children: Children, take: Callable[[], None], is_wanted: bool
    ) -> None:
        self._children = children
        self._take = take
        self._is_wanted = is_wanted
        #: Whether the code has changed since its check began.
        self._changed_again = False

    def watch(self) -> None:
        """Start the child that watches the code, if there is none."""
        if self._is_wanted and not self._children.with_role(Role.CODE_WATCH):
            self._children.fork(Role.CODE_WATCH, _watch_code)

    def handle_exit(self, child: Child, code: int) -> bool:
        """Handle the end of a child; return False if the child is not one of these."""
        if child.role is Role.CODE_WATCH and code == _CHANGED_CODE:
            # Watch again before the check, which takes a while, to miss no change.
            self.watch()
            self._changed_again = bool(self._children.with_role(Role.CODE_CHECK))
            if not self._changed_again:
                self._check()
        elif child.role is Role.CODE_CHECK:
            self._handle_check(code)
        else:
            return False
        return True

    def stop(self) -> None:
        self._is_wanted = False
        self._children.hang_up(Role.CODE_WATCH)
        self._children.hang_up(Role.CODE_CHECK)

    def _check(self) -> None:
        if self._is_wanted:
            self._children.fork(Role.CODE_CHECK, _check_code)

    def _handle_check(self, code: int) -> None:
        if code == 0:
            self._take()
        elif self._changed_again:
            self._changed_again = False
            self._check()
        else:
            logger.error("The changed code does not load; the old code keeps running.")


def execute_again() -> None:
    """Replace this process, the supervisor, by one with the new code."""
    signal.set_wakeup_fd(-1)
    command = [sys.executable, *sys.orig_argv[1:]]
    os.execv(sys.executable, command)  # noqa: S606  our own command line


def _watch_code(line: int) -> None:
    """Block until a module or template changes, and exit with _CHANGED_CODE."""
    _exit_with(line, lambda: None)
    reloader = autoreload.get_reloader()
    autoreload.autoreload_started.send(sender=reloader)
    reloader.run_loop()


def _check_code(line: int) -> int:
    """
    Return 0 if a worker could start with the current code.

    Otherwise print what is wrong, and return another code. Block while the site loads.
    """
    command = [sys.executable, *sys.orig_argv[1:], "--check"]
    with subprocess.Popen(command) as check:  # noqa: S603  our own command line
        _exit_with(line, check.kill)
        return check.wait()


def _exit_with(line: int, clean_up: Callable[[], None]) -> None:
    """Make this process call `clean_up` and exit when its line ends."""

    def end() -> None:
        os.read(line, 1)
        clean_up()
        os._exit(0)

    Thread(target=end, name="line", daemon=True).start()
