"""Nodes under a service manager, as on a site."""

import os
import subprocess
import sys
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from django.conf import settings


class Keeper:
    """A service manager, which starts a node again when it has ended."""

    def __init__(self, nodes: list[Any], start: Callable[[], Any]) -> None:
        self.nodes = nodes
        self._start = start
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="keeper", daemon=True)
        self.restarts = 0

    def start(self) -> None:
        """Start to watch the nodes."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            for number, node in enumerate(self.nodes):
                if node.process.poll() is not None:
                    self.nodes[number] = self._start()
                    self.restarts += 1

    def stop(self) -> None:
        """Stop to watch the nodes. May be called more than once."""
        self._stopping.set()
        self._thread.join()


def pids_of(node: Any) -> list[int]:
    """Return the pids of a node, its supervisor first, or none if it has ended."""
    try:
        return [node.process.pid, *node.children()]
    except OSError:
        return []


def run_command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` as another process of the site would."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
