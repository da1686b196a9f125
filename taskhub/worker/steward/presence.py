"""The row in which a node reports itself."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import taskhub
from taskhub.execution.memory import MEBIBYTE, resident_bytes
from taskhub.models import Node
from taskhub.models.clock import DatabaseNow
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.steward.health import Health
from taskhub.worker.steward.leases import Leases
from taskhub.worker.steward.lingering import LingeringRuns
from taskhub.worker.steward.node_requests import NodeRequests

#: A node that has been silent for this long is deleted.
_SILENCE_BEFORE_DELETION = timedelta(days=1)


class Presence:
    """Keeps the node's row up to date, and informs `Health` of each write."""

    def __init__(
        self,
        node: NodeOptions,
        requests: NodeRequests,
        leases: Leases,
        lingering: LingeringRuns,
        health: Health,
    ) -> None:
        self._node = node
        self._requests = requests
        self._leases = leases
        self._lingering = lingering
        self._health = health
        # The row has the pid of the supervisor, which is the parent of this process.
        self._supervisor = os.getppid()
        self._started_at = datetime.now(UTC)

    def report(self) -> None:
        rows = Node.writing.all()
        described = self._describe()
        if not rows.filter(name=self._node.name).update(**described):
            rows.create(name=self._node.name, **described)
        self._health.database_has_answered()

    def _describe(self) -> dict[str, Any]:
        node = self._node
        living = self._leases.living
        sizes = {
            pid: resident_bytes(pid) // MEBIBYTE
            for pid in (self._supervisor, os.getpid(), *living.values())
        }
        lingering = self._lingering.find(living)
        workers = [
            {
                "token": token,
                "pid": pid,
                "memory_mib": sizes[pid],
                "lingering": lingering.get(token, []),
            }
            for token, pid in living.items()
        ]
        return {
            "backend": node.config.alias,
            "host": node.host,
            "pid": self._supervisor,
            "queues": list(node.queues),
            "processes": self._requests.processes,
            "threads": node.threads,
            "async_tasks": node.async_tasks,
            "workers": workers,
            "memory_mib": sum(sizes.values()),
            "version": taskhub.__version__,
            "started_at": self._started_at,
            "last_seen_at": DatabaseNow(),
        }

    def delete_own(self) -> None:
        """Delete the node's row, since the node has stopped."""
        Node.writing.filter(name=self._node.name).delete()

    def delete_silent(self) -> None:
        """Delete the rows of nodes that have been silent for a day."""
        Node.writing.filter(
            last_seen_at__lt=DatabaseNow() - _SILENCE_BEFORE_DELETION
        ).delete()
