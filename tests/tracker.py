"""
An error tracker as a site may have one: it keeps errors, and sends them at the end.

With TRACKED=path, each process writes what it kept to that file as it ends.
"""

import logging
import os

from taskhub.signals import process_ending, process_started


class Tracker(logging.Handler):
    """Keeps the last lines of errors."""

    def __init__(self, path: str) -> None:
        super().__init__(logging.ERROR)
        self.path = path
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it; a handler that is closed without more loses it."""
        self.kept.append(self.format(record).splitlines()[-1])

    def begin(self, role: str, **kwargs: object) -> None:
        """Keep nothing of the process that was forked."""
        self.kept = []
        self._write(f"{role} {os.getpid()} started")

    def send(self, role: str, **kwargs: object) -> None:
        """Write what was kept."""
        self._write(f"{role} {os.getpid()} ending", *self.kept)

    def _write(self, *lines: str) -> None:
        with open(self.path, "a") as file:
            file.writelines(f"{line}\n" for line in lines)


def install() -> None:
    """Have a tracker in this process and its children, if there is to be one."""
    if path := os.environ.get("TRACKED"):
        tracker = Tracker(path)
        logging.getLogger().addHandler(tracker)
        process_started.connect(tracker.begin, weak=False)
        process_ending.connect(tracker.send, weak=False)
