"""
For development: notice that the code has changed, and whether it still loads.

Both are children of the supervisor. They end when their line does: see `Children`.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from threading import Thread

from django.utils import autoreload

#: What Django's reloader exits with when a file has changed.
RELOAD_EXIT = 3


def watch_code(line: int) -> None:
    """Block until a module or template changes, and exit with RELOAD_EXIT."""
    _at_end_of(line, lambda: None)
    reloader = autoreload.get_reloader()
    autoreload.autoreload_started.send(sender=reloader)
    reloader.run_loop()


def check_code(line: int) -> int:
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
