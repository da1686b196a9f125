"""
For development: notice that the code has changed, and whether it still loads.

Both are children of the supervisor. They end when their line does: see `Children`.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from threading import Thread

from django.utils import autoreload

from taskhub.worker.supervisor.children import Child, Children, Role

logger = logging.getLogger(__name__)

#: What Django's reloader exits with when a file has changed.
_CHANGED = 3


class Reloading:
    """
    Keeps a watch over the code, and calls `take` when it has changed and still loads.

    Does nothing unless `is_wanted`.
    """

    def __init__(
        self, children: Children, take: Callable[[], None], is_wanted: bool
    ) -> None:
        self._children = children
        self._take = take
        self._is_wanted = is_wanted
        #: Whether the code has changed since the check of it has begun.
        self._changed_again = False

    def watch(self) -> None:
        """Start a watch, if there is none."""
        if self._is_wanted and not self._children.with_role(Role.CODE_WATCH):
            self._children.fork(Role.CODE_WATCH, _watch_code)

    def hear_end(self, child: Child, code: int) -> bool:
        """Learn of a child that has ended. Return whether it was one of these."""
        if child.role is Role.CODE_WATCH and code == _CHANGED:
            # Before the check, which takes a while: no change is to be missed.
            self.watch()
            self._changed_again = bool(self._children.with_role(Role.CODE_CHECK))
            if not self._changed_again:
                self._check()
        elif child.role is Role.CODE_CHECK:
            self._judge(code)
        else:
            return False
        return True

    def stop(self) -> None:
        """Let all of it end."""
        self._is_wanted = False
        self._children.hang_up(Role.CODE_WATCH)
        self._children.hang_up(Role.CODE_CHECK)

    def _check(self) -> None:
        if self._is_wanted:
            self._children.fork(Role.CODE_CHECK, _check_code)

    def _judge(self, code: int) -> None:
        if code == 0:
            self._take()
        elif self._changed_again:
            self._changed_again = False
            self._check()
        else:
            logger.error("The changed code does not load; the old one runs on.")


def _watch_code(line: int) -> None:
    """Block until a module or template changes, and exit with _CHANGED."""
    _at_end_of(line, lambda: None)
    reloader = autoreload.get_reloader()
    autoreload.autoreload_started.send(sender=reloader)
    reloader.run_loop()


def _check_code(line: int) -> int:
    """
    Return 0 if a worker could start with the code as it is now.

    Blocks for as long as it takes to load the site; prints what is wrong.
    """
    command = [sys.executable, *sys.orig_argv[1:], "--check"]
    with subprocess.Popen(command) as check:  # noqa: S603  our own command line
        _at_end_of(line, check.kill)
        return check.wait()


def _at_end_of(line: int, tidy_up: Callable[[], None]) -> None:
    """Have this process end as soon as its line does."""

    def end() -> None:
        os.read(line, 1)
        tidy_up()
        os._exit(0)

    Thread(target=end, name="line", daemon=True).start()
