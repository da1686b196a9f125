"""The nodes on the overview, with their processes and running tasks."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise

from taskhub.admin import display
from taskhub.admin.addresses import row_address
from taskhub.admin.neighbours import rows_of
from taskhub.admin.nodes.display import STATES, state_of
from taskhub.admin.worker_runs import (
    LingeringOnPage,
    lingering_by_token,
    running_by_token,
)
from taskhub.models import Node, TaskResult

MAX_NODES = 50
MAX_RUNS_OF_A_PROCESS = 5


@dataclass(frozen=True)
class RunOnPage:
    """A running task."""

    #: The address of its result's page, or "".
    url: str
    task: str
    #: How long it has run, as text.
    since: str


@dataclass(frozen=True)
class ProcessOnPage:
    """A worker process with some of its runs."""

    pid: int
    memory_mib: int
    runs: list[RunOnPage]
    #: How many running and lingering tasks are left out.
    more: int
    lingering: list[LingeringOnPage]


@dataclass(frozen=True)
class NodeOnPage:
    """A node with its processes."""

    name: str
    #: The address of its page, or "".
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
    """Return the first nodes by name that the user may see, in two or three queries."""
    running = running_by_token(rows_of(site, request, TaskResult))
    nodes = list(rows_of(site, request, Node).order_by("name")[:MAX_NODES])
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
    label, colour = STATES[state_of(node, is_silent=is_silent)]
    return NodeOnPage(
        name=node.name,
        url=row_address(site, node),
        state=label,
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
            since=display.duration(now - (run.last_attempted_at or now)),
        )
        for run in runs[:MAX_RUNS_OF_A_PROCESS]
    ]
    return ProcessOnPage(
        pid=int(str(worker["pid"])),
        memory_mib=int(str(worker["memory_mib"])),
        runs=shown,
        more=len(runs) - len(shown) + max(0, len(lingering) - MAX_RUNS_OF_A_PROCESS),
        lingering=lingering[:MAX_RUNS_OF_A_PROCESS],
    )
