"""The status of queues, nodes and schedules, for `taskstatus` and the overview."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db.models import DateTimeField, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from taskhub.brokers import get_broker
from taskhub.compat import django_tasks as compat
from taskhub.conf import Config, configs
from taskhub.exceptions import BrokerError
from taskhub.foundation.ttl_cache import TTLCache
from taskhub.models import Node, PeriodicTask, QuarantinedMessage, TaskResult
from taskhub.models.nodes import NodeQuerySet
from taskhub.models.periodic.columns import UNPLANNED
from taskhub.models.results.querysets import TaskResultQuerySet
from taskhub.operations.results.selection import is_restricted
from taskhub.operations.schedules.beats import running_beat

#: A longer wait in a queue, and a longer delay of a tick, need attention.
MAX_WAIT = timedelta(minutes=5)
MAX_TICK_DELAY = timedelta(minutes=1)
#: For how long a quarantined message needs attention.
QUARANTINE_ALERT = timedelta(days=1)
#: A beat looks at a postponed schedule again within this time.
_MAX_POSTPONEMENT = timedelta(seconds=10)
_MAX_NAMES = 100
_MAX_RUNNING_ROWS = 1_000
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


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of all queues, nodes and schedules at one moment."""

    queues: list[QueueStatus]
    nodes: list[NodeStatus]
    quarantined: int
    disabled_schedules: list[str]
    late_schedules: list[str]
    #: One sentence for each problem, in the active language except for brokers' faults.
    needs_attention: list[str]


def read_status(
    *,
    nodes: NodeQuerySet | None = None,
    schedules: QuerySet[PeriodicTask] | None = None,
) -> SystemStatus:
    """
    Read the status with a bounded number of queries.

    A broker that cannot be reached is reported in `needs_attention`. `nodes` and
    `schedules` limit which nodes and schedules the status names; by default, all.
    """
    now = timezone.now()
    all_nodes = visible_nodes = _read_nodes()
    queues, broker_faults = _read_queues(all_nodes)
    if nodes is not None and is_restricted(nodes):
        names = set(nodes.values_list("pk", flat=True))
        visible_nodes = [node for node in all_nodes if node.name in names]
    if schedules is None:
        schedules = PeriodicTask.writing.all()
    disabled = schedules.filter(enabled=False).exclude(disabled_reason="")
    late = _late_schedules(schedules, now)
    reasons = dict(late.values_list("name", "postponed_because")[:_MAX_NAMES])
    since = now - QUARANTINE_ALERT
    status = SystemStatus(
        queues=queues,
        nodes=visible_nodes,
        quarantined=QuarantinedMessage.writing.filter(
            quarantined_at__gte=since
        ).count(),
        disabled_schedules=list(disabled.values_list("name", flat=True)[:_MAX_NAMES]),
        late_schedules=list(reasons),
        needs_attention=broker_faults,
    )
    status.needs_attention.extend(_problems(status))
    status.needs_attention.extend(_problems_of_late_schedules(reasons))
    return status


def _problems(status: SystemStatus) -> Iterator[str]:
    for queue in status.queues:
        yield from _problems_of_queue(queue)
    for node in status.nodes:
        yield from _problems_of_node(node)
    if status.quarantined:
        yield ngettext(
            "%(count)d message was quarantined within a day; inspect it in the admin.",
            "%(count)d messages were quarantined within a day; inspect them in the "
            "admin.",
            status.quarantined,
        ) % {"count": status.quarantined}
    for name in status.disabled_schedules:
        yield _("The schedule '%(name)s' has disabled itself.") % {"name": name}


def _problems_of_node(node: NodeStatus) -> Iterator[str]:
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


def _late_schedules(
    schedules: QuerySet[PeriodicTask], now: datetime
) -> QuerySet[PeriodicTask]:
    """Return the schedules that are overdue to be fired or to be planned."""
    before = now - MAX_TICK_DELAY
    # `look_at` has an index. A beat looks at a postponed schedule again within seconds.
    urgent = schedules.filter(enabled=True, look_at__lt=now + _MAX_POSTPONEMENT)
    return urgent.filter(
        Q(look_at__gt=UNPLANNED, look_at__lt=before)
        | Q(look_at__lte=UNPLANNED, created_at__lt=before)
        | (Q(next_run_at__lt=before) & ~Q(postponed_because=""))
    )


def _problems_of_late_schedules(reasons: dict[str, str]) -> Iterator[str]:
    """Yield one sentence for each reason why schedules, given by name, are late."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        words = {"count": len(names), "name": names[0], "reason": reason}
        sentence = ngettext(
            "%(count)d schedule is late, '%(name)s': %(reason)s",
            "%(count)d schedules are late, such as '%(name)s': %(reason)s",
            len(names),
        )
        yield sentence % (words | {"reason": reason or _describe_beat()})


def _describe_beat() -> str:
    if beat := running_beat():
        return _("the beat %(beat)s is running; see its log.") % {"beat": beat}
    return _("no beat is running; start taskbeat, or a taskworker with --beat.")


def _problems_of_queue(queue: QueueStatus) -> Iterator[str]:
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


def _read_nodes() -> list[NodeStatus]:
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


def _read_queues(nodes: list[NodeStatus]) -> tuple[list[QueueStatus], list[str]]:
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
