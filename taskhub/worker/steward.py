"""
The steward: a process of its own that keeps the leases of a node alive.

Of its own, so that a task which holds the GIL for minutes is not mistaken for a dead
one. The supervisor tells it by a pipe, a line each, of the tokens that live and those
that died; what the dead held goes back at once. It also takes back what the tokens of
other, silent nodes held. When the pipe ends, the supervisor is gone or wants it gone.
"""

import logging
import os
import select
import signal
import time
from collections.abc import Iterable

from taskhub.backoff import Backoff
from taskhub.brokers import get_broker
from taskhub.brokers.base import Broker
from taskhub.exceptions import BrokerError
from taskhub.worker.node import Node

logger = logging.getLogger(__name__)

#: A silent node is noticed at most so long after its lease has ended.
_LONGEST_ROUND_SECONDS = 5.0
#: How long a steward that is to end tries to give back what the last dead held.
_FINISH_SECONDS = 5.0

LIVES = "+"
DIED = "-"


class Steward:
    """Heartbeats and reclaims. `run` blocks until the pipe ends."""

    def __init__(self, node: Node, pipe: int) -> None:
        self._queues = node.queues
        self._broker: Broker = get_broker(node.config)
        self._round_seconds = min(
            _LONGEST_ROUND_SECONDS, node.config.options.lease_seconds / 3
        )
        self._pipe = pipe
        self._rest = b""
        self._living: set[str] = set()
        self._dead: set[str] = set()
        self._backoff = Backoff()
        self._ended = False

    def run(self) -> None:
        """Keep the leases until the supervisor closes the pipe."""
        # The supervisor says when to end: after the processes, whatever is signalled.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        pause = 0.0
        while not self._ended:
            readable, _, _ = select.select([self._pipe], [], [], pause)
            if readable:
                self._listen()
            pause = self._round()
        give_up_at = time.monotonic() + _FINISH_SECONDS
        while self._dead and time.monotonic() < give_up_at:
            time.sleep(self._round())

    def _listen(self) -> None:
        received = os.read(self._pipe, 65_536)
        self._ended = not received
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            kind, token = line[:1].decode(), line[1:].decode()
            if kind == LIVES:
                self._living.add(token)
            else:
                self._living.discard(token)
                self._dead.add(token)

    def _round(self) -> float:
        """Do all there is to do; return how many seconds until the next round."""
        try:
            self._reclaim_from(self._dead)
            self._broker.heartbeat(self._queues, self._living)
            if count := self._broker.reclaim(self._queues):
                logger.warning("Took back %d messages from silent nodes.", count)
        except BrokerError as error:
            self._backoff.fail()
            if self._backoff.is_first:
                logger.error("%s Leases are at risk until it is back.", error)
            return self._backoff.pause
        if self._backoff.succeed():
            logger.info("The broker is back; leases are kept again.")
        return self._round_seconds

    def _reclaim_from(self, tokens: Iterable[str]) -> None:
        for token in list(tokens):
            if count := self._broker.reclaim(self._queues, token=token):
                logger.warning("Took back %d messages that %s held.", count, token)
            self._dead.discard(token)
