"""The rows of the list of queues: each queue of every backend."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from taskhub import operations
from taskhub.admin import display
from taskhub.admin.queues.forms import all_queues, find_queue
from taskhub.models import QueueState
from taskhub.operations.metrics.figures import Figures, read_by_queue
from taskhub.operations.queues import Queue
from taskhub.operations.results.selection import is_restricted
from taskhub.operations.status import QueueStatus

#: The range of the figures, a key of operations.metrics.figures.RANGES.
_RANGE = "1h"
_COUNTS = ("ready", "delayed", "held", "nodes")
#: A backend and the name of a queue.
_Key = tuple[str, str]


@dataclass
class QueueOnPage:
    """One queue. If its broker cannot be reached, the broker's values are dashes."""

    queue: Queue
    state: QueueState
    #: The values of _COUNTS as text.
    counts: dict[str, str]
    #: How long the oldest due result has waited.
    oldest: str
    #: The numbers of finished and failed runs in the range.
    finished: str
    failed: str
    #: The wait and the duration of these runs, p95.
    wait: str
    run: str
    #: The address of the queue's unfinished results, or "".
    url: str
    buttons: list[Any] = field(default_factory=list)

    @property
    def label(self) -> tuple[str, str]:
        """Return the label of the state, and the status whose colour it has."""
        if self.state.is_paused:
            return _("Paused"), "failed"
        if self.state.drains:
            return _("Draining"), "cancelled"
        return _("Active"), "successful"


def read_queues(
    rows: QuerySet[QueueState], results: str
) -> tuple[list[QueueOnPage], list[str]]:
    """
    Return the queues, and a sentence for each broker that cannot be reached.

    `rows` are rows that the user may see; `results` is the address of the results list.
    """
    status = operations.status.read_status()
    depths = {(each.backend, each.name): each for each in status.queues}
    by_queue = {each.name: each for each in read_by_queue(_RANGE)}
    queues, states = shown_queues(rows, depths)
    unknown = {queue.backend for queue in queues} - {each for each, _name in depths}
    shown = [
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
        _("The broker of the backend “%s” cannot be reached.") % alias
        for alias in sorted(unknown)
    ]
    return shown, faults


def shown_queues(
    rows: QuerySet[QueueState], others: Iterable[_Key] = ()
) -> tuple[list[Queue], dict[_Key, QueueState]]:
    """
    Return the queues that the user may see, and their rows, if they have one.

    These are queues of the settings, `others`, and queues with a row. If the project's
    admin restricts `rows`, create rows of all queues, and return only queues in `rows`.
    """
    known = {(queue.backend, queue.name) for queue in all_queues()} | {*others}
    if is_restricted(rows):
        _make_rows(known)
        known = set()
    states = {(row.backend, row.queue_name): row for row in rows}
    found = [find_queue(name, backend) for backend, name in sorted(known | {*states})]
    # The queue of a row may have been removed from the settings.
    return [queue for queue in found if queue is not None], states


def _make_rows(queues: set[_Key]) -> None:
    """Create the rows of queues that have none."""
    states = QueueState.writing.all()
    if missing := queues - {*states.values_list("backend", "queue_name")}:
        states.bulk_create(
            [QueueState(backend=backend, queue_name=name) for backend, name in missing],
            # Another request may have created them.
            ignore_conflicts=True,
        )


def _row(
    queue: Queue,
    state: QueueState | None,
    depth: QueueStatus | None,
    figures: Figures | None,
    results: str,
) -> QueueOnPage:
    counts = {
        name: display.NOTHING if depth is None else display.number(getattr(depth, name))
        for name in _COUNTS
    }
    query = urlencode({"queue": queue.name, "status": "unfinished"})
    return QueueOnPage(
        queue=queue,
        state=state or QueueState(backend=queue.backend, queue_name=queue.name),
        counts=counts,
        oldest=display.seconds(depth.oldest_seconds if depth else None),
        finished=display.number(figures.finished if figures else 0),
        failed=display.number(figures.failed) if figures and figures.failed else "",
        wait=display.seconds(figures.wait.p95 if figures else None),
        run=display.seconds(figures.run.p95 if figures else None),
        url=f"{results}?{query}" if results else "",
    )
