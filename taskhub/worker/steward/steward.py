"""The steward process and its main thread; see `taskhub.worker.steward`."""

import logging
import os
import signal
import socket
from functools import partial

from taskhub import signals
from taskhub.foundation.readiness import wait_readable
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.pipes import KILL, LIVES, Upwards
from taskhub.worker.process_signals import send_node_signal
from taskhub.worker.scoreboard import Scoreboard
from taskhub.worker.steward.chores import chores_of, last_chores_of
from taskhub.worker.steward.deaths import Deaths
from taskhub.worker.steward.health import Health, HealthServer
from taskhub.worker.steward.housekeeper import Housekeeper
from taskhub.worker.steward.leases import Leases
from taskhub.worker.steward.lingering import LingeringRuns
from taskhub.worker.steward.node_requests import NodeRequests
from taskhub.worker.steward.presence import Presence

logger = logging.getLogger(__name__)

#: How often the main thread proves that it is alive.
_PULSE_SECONDS = 1.0
#: How long an ending steward tries to take back what the last dead processes held.
_FINISH_SECONDS = 5.0


class Steward:
    """Puts the threads together. `run` blocks until the pipe ends."""

    def __init__(
        self,
        node: NodeOptions,
        pipe: int,
        upwards: int,
        scoreboard: Scoreboard,
        probes: socket.socket | None = None,
        *,
        is_first: bool = True,
    ) -> None:
        self._node = node
        #: False for a steward that replaces another one.
        self._is_first = is_first
        self._pipe = pipe
        self._probes = probes
        #: The beginning of a line whose end has not been read yet.
        self._partial_line = b""
        self._ended = False
        to_supervisor = Upwards(upwards, "steward")
        requests = NodeRequests(node, to_supervisor)
        deaths = Deaths(node)
        self._health = Health(
            lambda: requests.processes, lambda: len(self._leases.living)
        )
        self._leases = Leases(
            node, self._health.broker_has_answered, took_back=deaths.add
        )
        lingering = LingeringRuns(scoreboard, partial(to_supervisor.tell, KILL))
        presence = Presence(node, requests, self._leases, lingering, self._health)
        self._housekeeper = Housekeeper(
            chores_of(node, presence, requests, deaths),
            at_end=last_chores_of(presence, deaths),
        )

    def run(self) -> None:
        """Block until the supervisor closes the pipe and no worker process is left."""
        # The steward ends after the worker processes, when the supervisor says so.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        self._leases.start()
        self._housekeeper.start()
        if self._is_first:
            send_node_signal(signals.node_started, self._node.name, self._node.queues)
        if self._probes is not None:
            HealthServer(self._health, self._probes).start()
        while not self._ended:
            if wait_readable([self._pipe], _PULSE_SECONDS):
                self._listen()
            self._health.steward_is_alive()
        self._finish()

    def _finish(self) -> None:
        # If the supervisor was killed, its worker processes still finish their tasks.
        has_living = bool(self._leases.living)
        grace_seconds = self._node.grace_seconds if has_living else 0
        self._leases.stop(_FINISH_SECONDS + grace_seconds)
        self._housekeeper.stop(_FINISH_SECONDS / 2)
        send_node_signal(signals.node_ending, self._node.name, self._node.queues)

    def _listen(self) -> None:
        received = os.read(self._pipe, 65_536)
        self._ended = not received
        *lines, self._partial_line = (self._partial_line + received).split(b"\n")
        for line in lines:
            kind, token, pid = line.decode().split()
            if kind == LIVES:
                self._leases.begin(token, int(pid))
            else:
                self._leases.take_back(token)
