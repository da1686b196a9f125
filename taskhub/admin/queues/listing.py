"""What the list of queues shows: each queue of every backend, with a row or none."""

from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from taskhub import operations
from taskhub.admin import markup
from taskhub.admin.overview import figures
from taskhub.admin.queues.forms import all_queues, find_queue
from taskhub.models import QueueState
from taskhub.models.results import results_database
from taskhub.operations import Queue
from taskhub.operations.metrics import Figures, read_by_queue
from taskhub.operations.status import QueueStatus

#: The figures are of so long.
_RANGE = "1h"
_COUNTS = ("ready", "delayed", "held", "nodes")


@dataclass
class QueueOnPage:
    """One queue; what its broker cannot tell now is a dash."""

    queue: Queue
    state: QueueState
    counts: dict[str, str]
    oldest: str
    finished: str
    failed: str
    wait: str
    run: str
    url: str
    buttons: list[Any] = field(default_factory=list)

    @property
    def word(self) -> tuple[str, str]:
        """How it is, and the status whose colour says as much."""
        if self.state.is_paused:
            return _("Paused"), "failed"
        if self.state.drains:
            return _("Draining"), "cancelled"
        return _("Running"), "successful"


def read_queues() -> tuple[list[QueueOnPage], list[str]]:
    """Return the queues, and what is wrong with their brokers."""
    status = operations.read_status()
    depths = {(each.backend, each.name): each for each in status.queues}
    by_queue = {each.name: each for each in read_by_queue(_RANGE)}
    states = _states()
    queues = _known_queues(depths, states)
    results = reverse("admin:taskhub_taskresult_changelist")
    unknown = {queue.backend for queue in queues} - {each for each, _name in depths}
    rows = [
        _row(
            queue,
            states.get((queue.backend, queue.name)),
            depths.get((queue.backend, queue.name)),
            by_queue.get(queue.name),
            results,
        )
        for queue in queues
    ]
    faults = [
        _("The broker of the backend “%s” cannot be asked now.") % alias
        for alias in sorted(unknown)
    ]
    return rows, faults


def _states() -> dict[tuple[str, str], QueueState]:
    rows = QueueState.objects.using(results_database())
    return {(row.backend, row.queue_name): row for row in rows}


def _known_queues(*places: dict[tuple[str, str], Any]) -> list[Queue]:
    """Return the queues of the settings, and others that there is something of."""
    keys = {(queue.backend, queue.name) for queue in all_queues()}
    keys.update(key for place in places for key in place)
    found = [find_queue(name, backend) for backend, name in sorted(keys)]
    # One that is gone from the settings is none any more.
    return [queue for queue in found if queue is not None]


def _row(
    queue: Queue,
    state: QueueState | None,
    depth: QueueStatus | None,
    run: Figures | None,
    results: str,
) -> QueueOnPage:
    counts = {
        name: markup.NOTHING if depth is None else figures.counted(getattr(depth, name))
        for name in _COUNTS
    }
    query = urlencode({"queue": queue.name, "status": "unfinished"})
    return QueueOnPage(
        queue=queue,
        state=state or QueueState(backend=queue.backend, queue_name=queue.name),
        counts=counts,
        oldest=markup.seconds(depth.oldest_seconds if depth else None),
        finished=figures.counted(run.finished if run else 0),
        failed=figures.counted(run.failed) if run and run.failed else "",
        wait=markup.seconds(run.wait.p95 if run else None),
        run=markup.seconds(run.run.p95 if run else None),
        url=f"{results}?{query}",
    )
