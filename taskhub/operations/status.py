"""How everything is: what `taskstatus` and the overview show."""

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
from taskhub.foundation.remembering import Remembered
from taskhub.models import Node, PeriodicTask, QuarantinedMessage, TaskResult
from taskhub.models.nodes import NodeQuerySet
from taskhub.models.periodic.columns import UNPLANNED
from taskhub.models.results.querysets import TaskResultQuerySet
from taskhub.operations.results.selection import is_restricted
from taskhub.operations.schedules.beats import running_beat

#: A message that has waited for longer, and a tick that is later, need a person.
_LONG_WAIT = timedelta(minutes=5)
LATE_TICK = timedelta(minutes=1)
#: When a beat has looked again at what it cannot fire yet.
_AGAIN = timedelta(seconds=10)
#: Of what waits in a queue, so many are asked since when.
_MOST_LOOKED_AT = 1_000
#: Among so many waiting results the oldest of each queue is looked for every time. One
#: beyond is looked for among all, and remembered: no index serves a queue alone.
MAX_LOOKED_THROUGH = 10_000
REMEMBERED_SECONDS = 60.0
#: Quarantined messages count as news for so long.
_NEWS = timedelta(days=1)


_oldest_beyond: Remembered[list[datetime | None]] = Remembered(REMEMBERED_SECONDS)


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One queue of one backend."""

    backend: str
    name: str
    delayed: int
    ready: int
    held: int
    #: How long the oldest due result has waited, in seconds; None if nothing waits.
    oldest_seconds: float | None
    #: How many nodes that are present work for it.
    nodes: int
    paused: bool = False


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One node, as it has last told of itself."""

    name: str
    host: str
    is_silent: bool
    seen_seconds_ago: float
    queues: list[str]
    processes: int
    processes_wanted: int
    memory_mib: int
    running: int
    #: How many functions its processes still run though nobody waits for the outcome.
    lingering: int
    #: For how long the oldest of them; None if there is none.
    lingering_seconds: float | None = None
    version: str


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How everything is, at one moment."""

    queues: list[QueueStatus]
    nodes: list[NodeStatus]
    quarantined: int
    paused_schedules: list[str]
    late_schedules: list[str]
    #: A sentence in the active language for each thing that needs a person; empty if
    #: all is well. What a broker says of itself is not translated.
    needs_a_person: list[str]


def read_status(
    *,
    nodes: NodeQuerySet | None = None,
    schedules: QuerySet[PeriodicTask] | None = None,
) -> SystemStatus:
    """
    Read how everything is, with a bounded number of queries.

    A broker that is away is one of the things that need a person. `nodes` and
    `schedules` are those that may be named; all if they are None.
    """
    now = timezone.now()
    present = _read_nodes()
    queues, broker_faults = _read_queues(present)
    if nodes is not None and is_restricted(nodes):
        names = set(nodes.values_list("pk", flat=True))
        present = [node for node in present if node.name in names]
    if schedules is None:
        schedules = PeriodicTask.writing.all()
    paused = schedules.filter(enabled=False).exclude(paused_because="")
    late = dict(_late(schedules, now).values_list("name", "postponed_because")[:100])
    quarantined = QuarantinedMessage.writing.filter(quarantined_at__gte=now - _NEWS)
    status = SystemStatus(
        queues=queues,
        nodes=present,
        quarantined=quarantined.count(),
        paused_schedules=list(paused.values_list("name", flat=True)[:100]),
        late_schedules=list(late),
        needs_a_person=broker_faults,
    )
    return msgspec.structs.replace(
        status, needs_a_person=[*broker_faults, *_worries(status), *_lateness(late)]
    )


def _worries(status: SystemStatus) -> Iterator[str]:
    for queue in status.queues:
        yield from _worries_of_queue(queue)
    for node in status.nodes:
        if node.is_silent:
            yield _("Node %(node)s has been silent for %(seconds).0f s.") % {
                "node": node.name,
                "seconds": node.seen_seconds_ago,
            }
        if (node.lingering_seconds or 0) > _LONG_WAIT.total_seconds():
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
    if status.quarantined:
        yield ngettext(
            "%(count)d message was quarantined within a day; look at it in the admin.",
            "%(count)d messages were quarantined within a day; look at them in the "
            "admin.",
            status.quarantined,
        ) % {"count": status.quarantined}
    for name in status.paused_schedules:
        yield _("The schedule '%(name)s' has disabled itself.") % {"name": name}


def _late(schedules: QuerySet[PeriodicTask], now: datetime) -> QuerySet[PeriodicTask]:
    """Return schedules whose tick, or plan, is overdue, whatever they wait for."""
    before = now - LATE_TICK
    # What cannot be fired yet is looked at again within seconds.
    urgent = schedules.filter(enabled=True, look_at__lt=now + _AGAIN)
    return urgent.filter(
        Q(look_at__gt=UNPLANNED, look_at__lt=before)
        | Q(look_at__lte=UNPLANNED, created_at__lt=before)
        | (Q(next_run_at__lt=before) & ~Q(postponed_because=""))
    )


def _lateness(late: dict[str, str]) -> Iterator[str]:
    """Say of schedules that are late why they are, as far as that is known."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in late.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        words = {"count": len(names), "name": names[0], "reason": reason}
        sentence = ngettext(
            "%(count)d schedule is late, '%(name)s': %(reason)s",
            "%(count)d schedules are late, such as '%(name)s': %(reason)s",
            len(names),
        )
        yield sentence % (words | {"reason": reason or _beat_in_words()})


def _beat_in_words() -> str:
    if beat := running_beat():
        return _("a beat runs, %(beat)s; its log says more.") % {"beat": beat}
    return _("no beat runs; start taskbeat, or a taskworker with --beat.")


def _worries_of_queue(queue: QueueStatus) -> Iterator[str]:
    waits = queue.oldest_seconds or 0
    if waits <= _LONG_WAIT.total_seconds():
        return
    if queue.paused:
        sentence = _(
            "Queue '%(queue)s' is paused, and results in it have waited for "
            "%(seconds).0f s."
        )
    elif queue.nodes:
        sentence = _("Results in queue '%(queue)s' have waited for %(seconds).0f s.")
    else:
        sentence = _(
            "Nobody works for queue '%(queue)s', where results have waited for "
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
        # What a silent node has told is not known to be so any more.
        for lingering in [[] if row.pk in silent else row.lingering_runs]
    ]


def _running_by_token() -> dict[str, int]:
    counts: dict[str, int] = {}
    for worker_ids in TaskResult.writing.running().values_list("worker_ids", flat=True)[
        :1_000
    ]:
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
    Return how full the queues of one backend are, but those that are damaged.

    Raise BrokerError if that cannot be asked.
    """
    broker = get_broker(config)
    now = timezone.now()
    depths = broker.depths(config.queues or (compat.DEFAULT_TASK_QUEUE_NAME,))
    far = _far_id() if any(depth.ready for depth in depths.values()) else None
    return [
        QueueStatus(
            backend=config.alias,
            name=name,
            delayed=depth.delayed,
            ready=depth.ready,
            held=depth.held,
            oldest_seconds=(_oldest(config, name, now, far) if depth.ready else None),
            nodes=sum(name in node.queues and not node.is_silent for node in nodes),
            paused=depth.paused,
        )
        for name, depth in depths.items()
    ]


def _oldest(
    config: Config, queue_name: str, now: datetime, far: UUID | None
) -> float | None:
    due = TaskResult.writing.ready().in_queue(queue_name).filter(backend=config.alias)
    due = due.filter(Q(run_after=None) | Q(run_after__lte=now))
    oldest = _first_due(due if far is None else due.filter(id__lt=far))
    if oldest is None and far is not None:
        about = config.alias, queue_name
        # A list, since there may be none.
        (oldest,) = _oldest_beyond.get_or_find(about, lambda: [_first_due(due)])
    return None if oldest is None else max(0.0, (now - oldest).total_seconds())


def _first_due(due: TaskResultQuerySet) -> datetime | None:
    # Those that were enqueued first: one of them was tried again a moment ago, perhaps.
    first = due.order_by("id").annotate(
        due=Coalesce("run_after", "enqueued_at", output_field=DateTimeField())
    )
    return min(first.values_list("due", flat=True)[:_MOST_LOOKED_AT], default=None)


def _far_id() -> UUID | None:
    """Return the id that so many waiting results precede; None if there are fewer."""
    ids = TaskResult.writing.ready().order_by("id").values_list("id", flat=True)
    return ids[MAX_LOOKED_THROUGH : MAX_LOOKED_THROUGH + 1].first()
