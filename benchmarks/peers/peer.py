"""What the driver must know of a peer. A peer's `peer.py` has one, named `peer`."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROCESSES = 2


def variant() -> str:
    """Return how the peer is set up this time, if there is more than one way."""
    return os.environ["PEERS_VARIANT"]


class Peer(ABC):
    """A task system: how it is enqueued to, worked for and counted."""

    @abstractmethod
    def prepare(self) -> None:
        """Make tables, and remove what an earlier round left in them."""

    @abstractmethod
    def enqueue(self, number: int) -> None:
        """Enqueue the task that does nothing."""

    def enqueue_many(self, count: int) -> None:
        """Enqueue it so often. Uncounted; peers that can do it in bulk do."""
        for number in range(count):
            self.enqueue(number)

    @abstractmethod
    def enqueue_start(self, sent: float) -> None:
        """Enqueue the task that notes how long after `sent` it started."""

    @abstractmethod
    def workers(self) -> Sequence[Sequence[str]]:
        """Return the command lines that start two worker processes in all."""

    @abstractmethod
    def finished(self) -> int:
        """Count the outcomes that can be read where the peer keeps them."""


def python(*arguments: str) -> list[str]:
    """Return a command line of the peer's own interpreter."""
    return [sys.executable, *arguments]


def manage(*arguments: str) -> list[str]:
    """Return the command line of one of Django's commands."""
    return python("-m", "django", *arguments)


def set_up_django(*tables: str) -> None:
    """Migrate, and truncate what an earlier round filled."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        for table in tables:
            # Names from the peers' own folders.
            cursor.execute(f"TRUNCATE {table} CASCADE")


def run(command: Sequence[str]) -> None:
    """Run a command of the peer to its end. Raise if it fails."""
    subprocess.run(command, check=True)
