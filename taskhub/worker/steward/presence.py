"""Presence: what a node tells of itself, in a row of its own."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import taskhub
from taskhub.execution.memory import MEBIBYTE, resident_bytes
from taskhub.models import Node
from taskhub.models.clock import DatabaseNow
from taskhub.worker.node_options import NodeOptions

#: A node that has been silent for so long is forgotten.
_FORGOTTEN_AFTER = timedelta(days=1)


class Presence:
    """
    Keeps the node's row.

    `processes` says how many there are to be, `living` gives the pid of each token,
    and `lingering` what each of them still runs though nobody waits for it; `told`
    hears of each time that it was written.
    """

    def __init__(
        self,
        node: NodeOptions,
        *,
        processes: Callable[[], int],
        living: Callable[[], Mapping[str, int]],
        lingering: Callable[[Mapping[str, int]], Mapping[str, list[dict[str, Any]]]],
        told: Callable[[], None],
    ) -> None:
        self._node = node
        self._processes = processes
        self._living = living
        self._lingering = lingering
        self._told = told
        # This runs in the steward; the node is its supervisor.
        self._supervisor = os.getppid()
        self._started_at = datetime.now(UTC)

    def tell(self) -> None:
        """Write that the node is there, and what of it there is."""
        rows = Node.writing.all()
        described = self._describe()
        if not rows.filter(name=self._node.name).update(**described):
            rows.create(name=self._node.name, **described)
        self._told()

    def _describe(self) -> dict[str, Any]:
        node = self._node
        living = self._living()
        sizes = {
            pid: resident_bytes(pid) // MEBIBYTE
            for pid in (self._supervisor, os.getpid(), *living.values())
        }
        lingering = self._lingering(living)
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
            "processes": self._processes(),
            "threads": node.threads,
            "async_tasks": node.async_tasks,
            "workers": workers,
            "memory_mib": sum(sizes.values()),
            "version": taskhub.__version__,
            "started_at": self._started_at,
            "last_seen_at": DatabaseNow(),
        }

    def leave(self) -> None:
        """Forget the node: it has ended as it should."""
        Node.writing.filter(name=self._node.name).delete()

    def forget_others(self) -> None:
        """Forget nodes that have been silent for a day."""
        Node.writing.filter(last_seen_at__lt=DatabaseNow() - _FORGOTTEN_AFTER).delete()
