"""
The steward: a process of its own that keeps the leases of a node alive.

Of its own, so that a task which holds the GIL for minutes is not mistaken for a dead
one. The supervisor tells it by a pipe, a line each, of the tokens that live and those
that died; what the dead held goes back at once. It also takes back what the tokens of
other, silent nodes held. When the pipe ends, the supervisor is gone or wants it gone;
leases are kept until the last of the living has left.
"""

import logging
import os
import signal
import time

from taskhub.backoff import Backoff
from taskhub.brokers import get_broker
from taskhub.brokers.base import Broker
from taskhub.exceptions import BrokerError
from taskhub.models.nodes import PRESENCE_SECONDS
from taskhub.operations.queues import keep_states
from taskhub.readiness import wait_readable
from taskhub.values import show_foreign
from taskhub.worker.bulk import BULK_SECONDS, Bulk
from taskhub.worker.counter import COUNT_SECONDS, Counter
from taskhub.worker.health import Health, HealthServer
from taskhub.worker.housekeeper import Chore, Housekeeper
from taskhub.worker.node import Node
from taskhub.worker.orders import ORDERS_SECONDS, Orders
from taskhub.worker.presence import Presence
from taskhub.worker.pruner import PRUNE_SECONDS, Pruner
from taskhub.worker.sweeper import SWEEP_SECONDS, Sweeper
from taskhub.worker.words import Upwards

logger = logging.getLogger(__name__)

_LONGEST_ROUND_SECONDS = 1.5
#: A token of another node has to be silent for this long while this steward is in touch
#: with the broker: after an outage, all are silent until they are back.
_LONGEST_CONTACT_SECONDS = 3.0
#: How long a steward that is to end tries to give back what the last dead held.
_FINISH_SECONDS = 5.0

#: How often the broker is asked whether it knows which queues are paused.
QUEUES_SECONDS = 5.0

LIVES = "+"
DIED = "-"


class Steward:
    """Heartbeats and reclaims. `run` blocks until the pipe ends."""

    def __init__(self, node: Node, pipe: int, upwards: int) -> None:
        self._node = node
        self._queues = node.queues
        self._broker: Broker = get_broker(node.config)
        lease_seconds = node.config.options.lease_seconds
        self._round_seconds = min(_LONGEST_ROUND_SECONDS, lease_seconds / 3)
        self._contact_seconds = min(_LONGEST_CONTACT_SECONDS, lease_seconds)
        self._pipe = pipe
        self._rest = b""
        #: The pid of each token.
        self._living: dict[str, int] = {}
        self._dead: set[str] = set()
        self._silent_since: dict[str, float] = {}
        self._backoff = Backoff()
        self._ended = False
        orders = Orders(node, Upwards(upwards, "steward"))
        bulk = Bulk(node, lambda: orders.has_bulk_actions)
        self._health = Health(lambda: orders.processes, lambda: len(self._living))
        self._presence = Presence(
            node,
            processes=lambda: orders.processes,
            living=lambda: dict(self._living),
            told=self._health.database_has_answered,
        )
        self._housekeeper = Housekeeper(
            [
                Chore("tell of this node", PRESENCE_SECONDS, self._presence.tell),
                Chore("forget nodes", 600.0, self._presence.forget_others),
                Chore("hear of orders", ORDERS_SECONDS, orders.look),
                Chore("keep queues paused", QUEUES_SECONDS, self._keep_queues),
                Chore("do bulk actions", BULK_SECONDS, bulk.look),
                Chore("sweep", SWEEP_SECONDS, Sweeper(node).look),
                Chore("prune", PRUNE_SECONDS, Pruner(node).look),
                Chore("count", COUNT_SECONDS, Counter(node).look),
            ],
            at_end=self._presence.leave,
        )

    def run(self) -> None:
        """Keep the leases until the supervisor closes the pipe, and nobody is left."""
        # The supervisor says when to end: after the processes, whatever is signalled.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        self._housekeeper.start()
        self._serve_health()
        pause = 0.0
        while not self._ended:
            if wait_readable([self._pipe], pause):
                self._listen()
            pause = self.round()
        self._finish()

    def _keep_queues(self) -> None:
        keep_states(self._node.config)

    def _serve_health(self) -> None:
        port = self._node.health_port
        if port is None:
            return
        try:
            HealthServer(self._health, self._node.health_host, port).start()
        except OSError as error:
            logger.error("Cannot serve health on port %d: %s", port, error)

    def _finish(self) -> None:
        # If the supervisor was killed, its processes finish what they run, and end
        # their leases themselves.
        seconds = _FINISH_SECONDS + (self._node.grace_seconds if self._living else 0)
        give_up_at = time.monotonic() + seconds
        while (self._dead or self._living) and time.monotonic() < give_up_at:
            time.sleep(min(self.round(), 0.2))
        self._housekeeper.stop(_FINISH_SECONDS / 2)

    def _listen(self) -> None:
        received = os.read(self._pipe, 65_536)
        self._ended = not received
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            kind, token, pid = line.decode().split()
            if kind == LIVES:
                self._living[token] = int(pid)
            else:
                self._living.pop(token, None)
                self._dead.add(token)

    def round(self) -> float:
        """Do all there is to do; return how many seconds until the next round."""
        self._health.steward_is_alive()
        try:
            self._reclaim_dead()
            self._keep_leases()
            self._reclaim_silent()
        except BrokerError as error:
            self._silent_since.clear()
            self._backoff.fail()
            if self._backoff.is_first:
                logger.error("%s Leases are at risk until it is back.", error)
            return self._backoff.pause
        self._health.broker_has_answered()
        if self._backoff.succeed():
            logger.info("The broker is back; leases are kept again.")
        return self._round_seconds

    def _reclaim_dead(self) -> None:
        for token in list(self._dead):
            if count := self._broker.reclaim(self._queues, token):
                logger.warning("Took back %d messages that %s held.", count, token)
            self._dead.discard(token)

    def _keep_leases(self) -> None:
        lost = self._broker.heartbeat(self._queues, list(self._living))
        if self._ended:
            # They have left.
            for token in lost:
                del self._living[token]

    def _reclaim_silent(self) -> None:
        now = time.monotonic()
        silent = self._broker.silent(self._queues) - self._living.keys()
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
