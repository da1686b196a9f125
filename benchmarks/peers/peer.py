"""The interface between the driver and a peer. Each `peer.py` defines a `peer`."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROCESSES = 2


def variant() -> str:
    """Return the name of the peer's configuration in this round."""
    return os.environ["PEERS_VARIANT"]


class Peer(ABC):
    """A task system: how to enqueue tasks, run its workers and count its results."""

    @abstractmethod
    def prepare(self) -> None:
        """Create tables, and delete the rows of earlier rounds."""

    @abstractmethod
    def enqueue(self, number: int) -> None:
        """Enqueue the task that does nothing."""

    def enqueue_many(self, count: int) -> None:
        """Enqueue it `count` times, if possible in bulk. The time is not measured."""
        for number in range(count):
            self.enqueue(number)

    @abstractmethod
    def enqueue_start(self, sent: float) -> None:
        """Enqueue the task that records how long after `sent` it has started."""

    @abstractmethod
    def workers(self) -> Sequence[Sequence[str]]:
        """Return the command lines that start two worker processes in all."""

    @abstractmethod
    def finished(self) -> int:
        """Count the outcomes that the peer has stored."""


def python(*arguments: str) -> list[str]:
    """Return a command line of the peer's own interpreter."""
    return [sys.executable, *arguments]


def manage(*arguments: str) -> list[str]:
    """Return the command line of one of Django's commands."""
    return python("-m", "django", *arguments)


def set_up_django(*tables: str) -> None:
    """Migrate, and truncate the tables that an earlier round has filled."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        for table in tables:
            # The names come from the peers' own folders.
            cursor.execute(f"TRUNCATE {table} CASCADE")


def run(command: Sequence[str]) -> None:
    """Run a command of the peer to its end. Raise if it fails."""
    subprocess.run(command, check=True)
