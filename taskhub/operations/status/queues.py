"""The status of queues: depths, waits and what is wrong with them."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import DateTimeField, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from taskhub.brokers import get_broker
from taskhub.compat import django_tasks as compat
from taskhub.conf import Config, configs
from taskhub.exceptions import BrokerError
from taskhub.foundation.ttl_cache import TTLCache
from taskhub.models import TaskResult
from taskhub.models.results.querysets import TaskResultQuerySet
from taskhub.operations.status.nodes import MAX_WAIT, NodeStatus

#: The longest wait in a queue is searched among this number of its oldest results.
_MAX_CANDIDATES = 1_000
#: No index of waiting results contains the queue. The oldest result of a queue is
#: searched among this number of the oldest waiting results. If these have none of the
#: queue, all waiting results are searched, and the answer is cached.
MAX_SCANNED_ROWS = 10_000
CACHE_SECONDS = 60.0

_oldest_cache: TTLCache[list[datetime | None]] = TTLCache(CACHE_SECONDS)


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One queue of one backend."""

    backend: str
    name: str
    delayed: int
    ready: int
    held: int
    #: How long the oldest due result has waited; None if no due result waits.
    oldest_seconds: float | None
    #: How many nodes that are not silent work for this queue.
    nodes: int
    paused: bool = False


def read_queues(nodes: list[NodeStatus]) -> tuple[list[QueueStatus], list[str]]:
    queues, faults = [], []
    for config in configs():
        try:
            queues += read_depths(config, nodes)
        except BrokerError as error:
            faults.append(str(error))
        else:
            faults += get_broker(config).damage.faults
            faults += get_broker(config).dangers()
    return queues, faults


def read_depths(config: Config, nodes: list[NodeStatus]) -> list[QueueStatus]:
    """
    Return the status of the queues of one backend, except for damaged queues.

    Raise BrokerError if the broker cannot be reached.
    """
    broker = get_broker(config)
    now = timezone.now()
    depths = broker.depths(config.queues or (compat.DEFAULT_TASK_QUEUE_NAME,))
    boundary = _scan_boundary() if any(each.ready for each in depths.values()) else None
    return [
        QueueStatus(
            backend=config.alias,
            name=name,
            delayed=depth.delayed,
            ready=depth.ready,
            held=depth.held,
            oldest_seconds=(
                _oldest_seconds(config, name, now, boundary) if depth.ready else None
            ),
            nodes=sum(name in node.queues and not node.is_silent for node in nodes),
            paused=depth.paused,
        )
        for name, depth in depths.items()
    ]


def problems_of_queue(queue: QueueStatus) -> Iterator[str]:
    waits = queue.oldest_seconds or 0
    if waits <= MAX_WAIT.total_seconds():
        return
    if queue.paused:
        sentence = _(
            "Queue '%(queue)s' is paused, and its results have waited for "
            "%(seconds).0f s."
        )
    elif queue.nodes:
        sentence = _("Results in queue '%(queue)s' have waited for %(seconds).0f s.")
    else:
        sentence = _(
            "No node works for queue '%(queue)s', and its results have waited for "
            "%(seconds).0f s; start a taskworker."
        )
    yield sentence % {"queue": queue.name, "seconds": waits}


def _oldest_seconds(
    config: Config, queue_name: str, now: datetime, boundary: UUID | None
) -> float | None:
    """Return the longest wait of a due result. See _scan_boundary() for `boundary`."""
    due = TaskResult.writing.ready().in_queue(queue_name).filter(backend=config.alias)
    due = due.filter(Q(run_after=None) | Q(run_after__lte=now))
    oldest = _first_due(due if boundary is None else due.filter(id__lt=boundary))
    if oldest is None and boundary is not None:
        key = config.alias, queue_name
        # A list, because the cache does not store None.
        (oldest,) = _oldest_cache.get_or_set(key, lambda: [_first_due(due)])
    return None if oldest is None else max(0.0, (now - oldest).total_seconds())


def _first_due(due: TaskResultQuerySet) -> datetime | None:
    # Not only the oldest result, which may have become due just now by a retry.
    first = due.order_by("id").annotate(
        due=Coalesce("run_after", "enqueued_at", output_field=DateTimeField())
    )
    return min(first.values_list("due", flat=True)[:_MAX_CANDIDATES], default=None)


def _scan_boundary() -> UUID | None:
    """Return the id after the oldest MAX_SCANNED_ROWS waiting results, or None."""
    ids = TaskResult.writing.ready().order_by("id").values_list("id", flat=True)
    return ids[MAX_SCANNED_ROWS : MAX_SCANNED_ROWS + 1].first()
