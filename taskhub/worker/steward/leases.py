"""
The leases of a node's worker processes, kept by a thread of the steward.

It is a separate thread, so that a broker that hangs delays nothing else.
"""

import logging
import os
import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import NoReturn

from taskhub.brokers import get_broker
from taskhub.brokers.base import Broker
from taskhub.db import forget_queries
from taskhub.exceptions import BrokerError
from taskhub.execution.isolation.log_listeners import close_logging
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.foundation.values import show_foreign
from taskhub.worker.node_options import NodeOptions

logger = logging.getLogger(__name__)

#: The longest pause between two heartbeats.
_MAX_ROUND_SECONDS = 1.5
#: How long a token of another node has to be silent, while this steward reaches the
#: broker, before its messages are taken back. After an outage of the broker, all tokens
#: are silent until their stewards are back.
_MAX_CONTACT_SECONDS = 3.0
#: The pause between rounds while the last worker processes leave.
_LAST_ROUND_SECONDS = 0.2


class Leases:
    """
    Sends heartbeats, and reclaims messages.

    `has_answered` is called after each round that reached the broker, and `took_back`
    with each token from which messages were taken back.
    """

    def __init__(
        self,
        node: NodeOptions,
        has_answered: Callable[[], None],
        took_back: Callable[[str], None],
    ) -> None:
        self._queues = node.queues
        self._broker: Broker = get_broker(node.config)
        lease_seconds = node.config.options.lease_seconds
        self._round_seconds = min(_MAX_ROUND_SECONDS, lease_seconds / 3)
        self._contact_seconds = min(_MAX_CONTACT_SECONDS, lease_seconds)
        self._has_answered = has_answered
        self._took_back = took_back
        self._lock = Lock()
        #: The pid of each token.
        self._living: dict[str, int] = {}
        self._dead: set[str] = set()
        self._is_last = False
        #: When each token was first seen as silent, by time.monotonic().
        self._silent_since: dict[str, float] = {}
        self._backoff = ReconnectBackoff()
        #: Wakes the thread before its pause is over.
        self._news = Event()
        #: Set when the thread has ended.
        self._settled = Event()
        self._thread = Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def living(self) -> dict[str, int]:
        """The pid of the living process of each token."""
        with self._lock:
            return dict(self._living)

    def begin(self, token: str, pid: int) -> None:
        """Keep the lease of a token from now on."""
        with self._lock:
            self._living[token] = pid

    def take_back(self, token: str) -> None:
        """Make the thread take back the messages of a dead process at once."""
        with self._lock:
            self._living.pop(token, None)
            self._dead.add(token)
        self._news.set()

    def stop(self, seconds: float) -> None:
        """
        Keep the leases until the last process has left, for up to `seconds`.

        If the supervisor was killed, processes finish tasks, and end leases themselves.
        """
        self._is_last = True
        self._news.set()
        self._settled.wait(seconds)

    def _run(self) -> None:
        try:
            while not (self._is_last and self._is_settled()):
                pause = self.round()
                self._news.wait(
                    min(pause, _LAST_ROUND_SECONDS) if self._is_last else pause
                )
                self._news.clear()
                forget_queries()
        except Exception as error:
            self._fail(error)
        self._settled.set()

    def _fail(self, error: Exception) -> NoReturn:
        """End the steward, which is replaced, since only this thread keeps leases."""
        logger.critical("A fault of taskhub; the steward is replaced.", exc_info=error)
        close_logging()
        os._exit(1)

    def _is_settled(self) -> bool:
        with self._lock:
            return not (self._living or self._dead)

    def round(self) -> float:
        """Send heartbeats, and reclaim. Return the seconds until the next round."""
        try:
            self._reclaim_dead()
            self._keep_leases()
            self._reclaim_silent()
        except BrokerError as error:
            self._silent_since.clear()
            self._backoff.fail()
            if self._backoff.is_first:
                logger.error("%s Leases may end until it is back.", error)
            return self._backoff.pause
        self._has_answered()
        if self._backoff.succeed():
            logger.info("The broker is back; leases are kept again.")
        return self._round_seconds

    def _reclaim_dead(self) -> None:
        with self._lock:
            dead = list(self._dead)
        for token in dead:
            if count := self._broker.reclaim(self._queues, token):
                logger.warning("Took back %d messages that %s held.", count, token)
                self._took_back(token)
            with self._lock:
                self._dead.discard(token)

    def _keep_leases(self) -> None:
        lost = self._broker.heartbeat(self._queues, list(self.living))
        if self._is_last:
            # The processes of these tokens have ended their leases, and have left.
            with self._lock:
                for token in lost:
                    self._living.pop(token, None)

    def _reclaim_silent(self) -> None:
        now = time.monotonic()
        silent = self._broker.silent(self._queues) - self.living.keys()
        self._silent_since = {
            token: self._silent_since.get(token, now) for token in silent
        }
        for token, since in self._silent_since.items():
            if now - since < self._contact_seconds:
                continue
            if count := self._broker.reclaim(self._queues, token, if_silent=True):
                logger.warning(
                    "Took back %d messages from silent %s.", count, show_foreign(token)
                )
                self._took_back(token)
