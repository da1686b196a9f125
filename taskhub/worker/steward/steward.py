"""
The steward: a process of its own that keeps the leases of a node alive.

Of its own, so that a task which holds the GIL for minutes is not mistaken for a dead
one. The supervisor tells it by a pipe, a line each, of the tokens that live and those
that died; what the dead held goes back at once. It also takes back what the tokens of
other, silent nodes held. When the pipe ends, the supervisor is gone or wants it gone;
leases are kept until the last of the living has left.

Its threads:

    main           listens to the supervisor; talks to no server, so that it proves that
                   the steward is alive, whatever servers do
    leases         talks to the broker: heartbeats, and what the dead held
    housekeeper    does what needs the database, and is none the worse for being late
    health         answers probes
"""

import logging
import os
import signal
import socket
from functools import partial

from taskhub.foundation.readiness import wait_readable
from taskhub.models.nodes import PRESENCE_SECONDS
from taskhub.operations.queues import keep_states
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.pipes import KILL, Upwards
from taskhub.worker.scoreboard import Scoreboard
from taskhub.worker.steward.bulk import BULK_SECONDS, Bulk
from taskhub.worker.steward.counter import COUNT_SECONDS, Counter
from taskhub.worker.steward.deaths import DEATHS_SECONDS, Deaths
from taskhub.worker.steward.health import Health, HealthServer
from taskhub.worker.steward.housekeeper import Chore, Housekeeper
from taskhub.worker.steward.leases import Leases
from taskhub.worker.steward.lingering import LingeringRuns
from taskhub.worker.steward.node_requests import REQUESTS_SECONDS, NodeRequests
from taskhub.worker.steward.owner import OWNER_SECONDS, Owner
from taskhub.worker.steward.presence import Presence
from taskhub.worker.steward.pruner import PRUNE_SECONDS, Pruner
from taskhub.worker.steward.sweeper import SWEEP_SECONDS, Sweeper

logger = logging.getLogger(__name__)

#: How often it tells that it is alive.
_PULSE_SECONDS = 1.0
#: How long a steward that is to end tries to give back what the last dead held.
_FINISH_SECONDS = 5.0

#: How often the broker is asked whether it knows which queues are paused.
QUEUES_SECONDS = 5.0

LIVES = "+"
DIED = "-"


class Steward:
    """Puts the threads together. `run` blocks until the pipe ends."""

    def __init__(
        self,
        node: NodeOptions,
        pipe: int,
        upwards: int,
        scoreboard: Scoreboard,
        probes: socket.socket | None = None,
    ) -> None:
        self._node = node
        self._pipe = pipe
        self._probes = probes
        self._rest = b""
        self._ended = False
        to_supervisor = Upwards(upwards, "steward")
        requests = NodeRequests(node, to_supervisor)
        bulk = Bulk(node, lambda: requests.has_bulk_actions)
        self._health = Health(
            lambda: requests.processes, lambda: len(self._leases.living)
        )
        self._deaths = Deaths(node)
        self._leases = Leases(
            node, self._health.broker_has_answered, took_back=self._deaths.add
        )
        self._presence = Presence(
            node,
            processes=lambda: requests.processes,
            living=lambda: self._leases.living,
            lingering=LingeringRuns(scoreboard, partial(to_supervisor.tell, KILL)).look,
            told=self._health.database_has_answered,
        )
        self._housekeeper = Housekeeper(
            [
                Chore("tell of this node", PRESENCE_SECONDS, self._presence.tell),
                Chore("forget nodes", 600.0, self._presence.forget_others),
                Chore("write of the dead", DEATHS_SECONDS, self._deaths.look),
                Chore("hear of orders", REQUESTS_SECONDS, requests.look),
                Chore("keep queues paused", QUEUES_SECONDS, self._keep_queues),
                Chore("do bulk actions", BULK_SECONDS, bulk.look),
                Chore("sweep", SWEEP_SECONDS, Sweeper(node).look),
                Chore("prune", PRUNE_SECONDS, Pruner(node).look),
                Chore("tell whose queues these are", OWNER_SECONDS, Owner(node).look),
                Chore("count", COUNT_SECONDS, Counter(node).look),
            ],
            at_end=[
                # Those that were killed as the node was stopped.
                Chore("write of the dead", 0, self._deaths.look),
                Chore("leave", 0, self._presence.leave),
            ],
        )

    def run(self) -> None:
        """Keep the leases until the supervisor closes the pipe, and nobody is left."""
        # The supervisor says when to end: after the processes, whatever is signalled.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        self._leases.start()
        self._housekeeper.start()
        if self._probes is not None:
            HealthServer(self._health, self._probes).start()
        while not self._ended:
            if wait_readable([self._pipe], _PULSE_SECONDS):
                self._listen()
            self._health.steward_is_alive()
        self._finish()

    def _keep_queues(self) -> None:
        keep_states(self._node.config)

    def _finish(self) -> None:
        has_living = bool(self._leases.living)
        grace_seconds = self._node.grace_seconds if has_living else 0
        self._leases.stop(_FINISH_SECONDS + grace_seconds)
        self._housekeeper.stop(_FINISH_SECONDS / 2)

    def _listen(self) -> None:
        received = os.read(self._pipe, 65_536)
        self._ended = not received
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            kind, token, pid = line.decode().split()
            if kind == LIVES:
                self._leases.begin(token, int(pid))
            else:
                self._leases.take_back(token)
