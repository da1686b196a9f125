"""
The housekeeper: a thread of the steward for what needs the database.

Of its own, because a database that does not answer must not keep the steward from its
heartbeats. It tells of the node, sweeps, and prunes; each when it is time, and none of
them any worse for being late.
"""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from django.db.utils import Error as DatabaseFault

from taskhub.discarding import discard_all, forget_queries
from taskhub.exceptions import BrokerError
from taskhub.foundation.backoff import ReconnectBackoff

logger = logging.getLogger(__name__)


class Chore:
    """Something to be done every so often; tried again soon if it could not be done."""

    def __init__(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        self.name = name
        self._seconds = seconds
        self._work = work
        self._backoff = ReconnectBackoff()
        self.due_at = 0.0

    def do(self) -> None:
        """Do it, and say when next. A server that is away is said once."""
        try:
            self._work()
        except (DatabaseFault, BrokerError) as error:
            discard_all()
            self._backoff.fail()
            if self._backoff.is_first:
                logger.error("Cannot %s now: %s", self.name, str(error).strip())
            self.due_at = time.monotonic() + self._backoff.pause
            return
        if self._backoff.succeed():
            logger.info("Can %s again.", self.name)
        self.due_at = time.monotonic() + self._seconds


class Housekeeper:
    """Does chores in a thread of its own, until stopped."""

    def __init__(self, chores: list[Chore], at_end: Sequence[Chore]) -> None:
        self._chores = chores
        self._at_end = at_end
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End, within so many seconds: what it is at can be left at any point."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            chore = min(self._chores, key=lambda each: each.due_at)
            pause = chore.due_at - time.monotonic()
            if pause > 0:
                self._stopping.wait(pause)
                continue
            try:
                chore.do()
            except Exception:
                # A fault of taskhub's is not to end the leases, nor the other chores.
                logger.exception("A fault of taskhub: cannot %s.", chore.name)
                chore.due_at = time.monotonic() + 60
            forget_queries()
        for chore in self._at_end:
            chore.do()
        discard_all()
