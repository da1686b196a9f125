"""
An error tracker, as sites have them: it collects errors and sends them at the end.

With TRACKED=path, each process appends its collected errors to that file as it ends.
"""

import logging
import os

from taskhub.signals import process_ending, process_started


class Tracker(logging.Handler):
    """Collects the last lines of errors."""

    def __init__(self, path: str) -> None:
        super().__init__(logging.ERROR)
        self.path = path
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Collect the last line of a record; if `send` is not called, it is lost."""
        self.kept.append(self.format(record).splitlines()[-1])

    def begin(self, role: str, **kwargs: object) -> None:
        """Forget the errors of the parent process, and note the start of this one."""
        self.kept = []
        self._write(f"{role} {os.getpid()} started")

    def send(self, role: str, **kwargs: object) -> None:
        """Write the collected errors."""
        self._write(f"{role} {os.getpid()} ending", *self.kept)

    def _write(self, *lines: str) -> None:
        with open(self.path, "a") as file:
            file.writelines(f"{line}\n" for line in lines)


def install() -> None:
    """Install a tracker in this process and its children if TRACKED is set."""
    if path := os.environ.get("TRACKED"):
        tracker = Tracker(path)
        logging.getLogger().addHandler(tracker)
        process_started.connect(tracker.begin, weak=False)
        process_ending.connect(tracker.send, weak=False)
