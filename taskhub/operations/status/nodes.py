"""The status of nodes, and what is wrong with them."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from taskhub.models import Node, TaskResult

#: A longer wait in a queue, and a task that lingers for longer, need attention.
MAX_WAIT = timedelta(minutes=5)
_MAX_RUNNING_ROWS = 1_000


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One node, as it last reported."""

    name: str
    host: str
    is_silent: bool
    seen_seconds_ago: float
    queues: list[str]
    processes: int
    processes_wanted: int
    memory_mib: int
    running: int
    #: How many tasks its processes still run although their outcome will be refused.
    lingering: int
    #: How long the oldest of these has lingered; None if there is none.
    lingering_seconds: float | None = None
    version: str


def read_nodes() -> list[NodeStatus]:
    rows = Node.writing.all()
    silent = set(rows.silent().values_list("pk", flat=True))
    running = _running_by_token()
    now = timezone.now()
    return [
        NodeStatus(
            name=row.name,
            host=row.host,
            is_silent=row.pk in silent,
            seen_seconds_ago=max(0.0, (now - row.last_seen_at).total_seconds()),
            queues=row.queues,
            processes=len(row.workers),
            processes_wanted=row.processes,
            memory_mib=row.memory_mib,
            running=sum(running.get(token, 0) for token in row.tokens),
            lingering=len(lingering),
            lingering_seconds=max(
                ((now - run.since).total_seconds() for run in lingering), default=None
            ),
            version=row.version,
        )
        for row in rows.order_by("name")
        # The last report of a silent node may be outdated.
        for lingering in [[] if row.pk in silent else row.lingering_runs]
    ]


def _running_by_token() -> dict[str, int]:
    """Count the running tasks of each worker process, up to _MAX_RUNNING_ROWS."""
    counts: dict[str, int] = {}
    running = TaskResult.writing.running().values_list("worker_ids", flat=True)
    for worker_ids in running[:_MAX_RUNNING_ROWS]:
        token = worker_ids[-1] if worker_ids else ""
        counts[token] = counts.get(token, 0) + 1
    return counts


def problems_of_node(node: NodeStatus) -> Iterator[str]:
    if node.is_silent:
        yield _("Node %(node)s has been silent for %(seconds).0f s.") % {
            "node": node.name,
            "seconds": node.seen_seconds_ago,
        }
    if (node.lingering_seconds or 0) > MAX_WAIT.total_seconds():
        yield ngettext(
            "Node %(node)s still runs %(count)d task whose result is over, for "
            "%(seconds).0f s; cancel it by force, or stop the node.",
            "Node %(node)s still runs %(count)d tasks whose results are over, the "
            "oldest for %(seconds).0f s; cancel them by force, or stop the node.",
            node.lingering,
        ) % {
            "node": node.name,
            "count": node.lingering,
            "seconds": node.lingering_seconds,
        }
