"""For development: notice that the code has changed, and whether it still loads."""

import logging
import subprocess
import sys

from django.utils import autoreload

logger = logging.getLogger(__name__)

#: What Django's reloader exits with when a file has changed.
RELOAD_EXIT = 3


def watch_code() -> None:
    """Block until a module or template changes, and exit with RELOAD_EXIT."""
    reloader = autoreload.get_reloader()
    autoreload.autoreload_started.send(sender=reloader)
    reloader.run_loop()


def check_new_code() -> bool:
    """
    Try whether a worker could start with the code as it is now.

    Blocks for as long as it takes to load the site; prints what is wrong.
    """
    command = [sys.executable, *sys.orig_argv[1:], "--check"]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603
