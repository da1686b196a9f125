"""The nodes on the overview: each of their processes, and what it does now."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise

from taskhub.admin import display as markup
from taskhub.admin.addresses import row_address
from taskhub.admin.neighbours import rows_of
from taskhub.admin.nodes.display import STATES, state_of
from taskhub.admin.running import running_by_token
from taskhub.admin.worker_runs import LingeringOnPage, lingering_by_token
from taskhub.models import Node, TaskResult

#: So many nodes are shown, and so many runs of one process.
MOST_NODES = 50
_MOST_RUNS = 5


@dataclass(frozen=True)
class RunOnPage:
    """What runs now."""

    url: str
    task: str
    since: str


@dataclass(frozen=True)
class ProcessOnPage:
    """A worker process, and the first of what it runs."""

    pid: int
    memory_mib: int
    runs: list[RunOnPage]
    more: int
    #: What it still runs though nobody waits for it.
    lingering: list[LingeringOnPage]


@dataclass(frozen=True)
class NodeOnPage:
    """A node, and its processes."""

    name: str
    #: Of its page; empty if there is none.
    url: str
    state: Promise
    colour: str
    is_silent: bool
    queues: str
    memory_mib: int
    processes: list[ProcessOnPage]


def read_nodes(
    site: AdminSite, request: HttpRequest, silent: set[str]
) -> list[NodeOnPage]:
    """
    Return the nodes that somebody may see, with two queries, or three.

    `silent` are the names of those that are.
    """
    running = running_by_token(rows_of(site, request, TaskResult))
    nodes = list(rows_of(site, request, Node).order_by("name")[:MOST_NODES])
    now = timezone.now()
    present = [node for node in nodes if node.name not in silent]
    lingering = lingering_by_token(site, request, present, now)
    return [
        _on_page(site, node, node.name in silent, running, lingering, now)
        for node in nodes
    ]


def _on_page(
    site: AdminSite,
    node: Node,
    is_silent: bool,
    running: dict[str, list[TaskResult]],
    lingering: dict[str, list[LingeringOnPage]],
    now: datetime,
) -> NodeOnPage:
    word, colour = STATES[state_of(node, is_silent=is_silent)]
    return NodeOnPage(
        name=node.name,
        url=row_address(site, node),
        state=word,
        colour=colour,
        is_silent=is_silent,
        queues=", ".join(node.queues),
        memory_mib=node.memory_mib,
        processes=[
            _process(
                site,
                worker,
                running.get(worker["token"], []),
                lingering.get(worker["token"], []),
                now,
            )
            for worker in node.workers
        ],
    )


def _process(
    site: AdminSite,
    worker: dict[str, object],
    runs: list[TaskResult],
    lingering: list[LingeringOnPage],
    now: datetime,
) -> ProcessOnPage:
    shown = [
        RunOnPage(
            url=row_address(site, run),
            task=run.task_path.rpartition(".")[2],
            since=markup.duration(now - (run.last_attempted_at or now)),
        )
        for run in runs[:_MOST_RUNS]
    ]
    return ProcessOnPage(
        pid=int(str(worker["pid"])),
        memory_mib=int(str(worker["memory_mib"])),
        runs=shown,
        more=len(runs) - len(shown) + max(0, len(lingering) - _MOST_RUNS),
        lingering=lingering[:_MOST_RUNS],
    )
