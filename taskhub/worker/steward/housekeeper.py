"""
The housekeeper: a thread of the steward that does chores in the database.

It is a separate thread, so that a database that hangs delays no heartbeat. Every chore
may be late without harm. chores.py lists them.
"""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import NamedTuple

from django.db.utils import Error as DatabaseFault

from taskhub.db import discard_all, forget_queries
from taskhub.exceptions import BrokerError
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.models.base import results_database
from taskhub.models.named_leases import take_lease

logger = logging.getLogger(__name__)

#: The pause after a fault of taskhub in a chore.
_FAULT_PAUSE_SECONDS = 60.0


class Turn(NamedTuple):
    """The lease under which only one node at a time does a chore, and its length."""

    name: str
    node_name: str
    seconds: float


class Chore:
    """
    Work that is done at an interval of some seconds, and retried soon after a failure.

    Nothing is done while `is_needed` returns False, or while another node has `turn`.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        work: Callable[[], None],
        *,
        turn: Turn | None = None,
        is_needed: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self._seconds = seconds
        self._work = work
        self._turn = turn
        self._is_needed = is_needed
        self._backoff = ReconnectBackoff()
        self.due_at = 0.0

    def do(self) -> None:
        """Do the work, and set `due_at`. Log the first failure of an outage."""
        try:
            if self._is_needed() and self._take_turn():
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

    def _take_turn(self) -> bool:
        if self._turn is None:
            return True
        name, node_name, seconds = self._turn
        return take_lease(name, node_name, seconds=seconds, using=results_database())


class Housekeeper:
    """Does chores in its own thread until it is stopped."""

    def __init__(self, chores: list[Chore], at_end: Sequence[Chore]) -> None:
        self._chores = chores
        self._at_end = at_end
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Stop the thread. Block for up to `seconds`; then a chore may be cut off."""
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
                # The fault must stop neither the heartbeats nor the other chores.
                logger.exception("A fault of taskhub: cannot %s.", chore.name)
                chore.due_at = time.monotonic() + _FAULT_PAUSE_SECONDS
            forget_queries()
        for chore in self._at_end:
            chore.do()
        discard_all()
