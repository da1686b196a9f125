"""The status of everything at one moment, and one sentence for each problem."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from taskhub.models import PeriodicTask, QuarantinedMessage, TaskResult
from taskhub.models.nodes import NodeQuerySet
from taskhub.operations.results.selection import is_restricted
from taskhub.operations.results.stalled import StalledRun, stalled_runs
from taskhub.operations.status.nodes import NodeStatus, problems_of_node, read_nodes
from taskhub.operations.status.queues import (
    QueueStatus,
    problems_of_queue,
    read_queues,
)
from taskhub.operations.status.schedules import (
    late_schedules,
    problems_of_late_schedules,
)

#: For how long a quarantined message needs attention.
QUARANTINE_ALERT = timedelta(days=1)
_MAX_NAMES = 100


class SystemStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of all queues, nodes and schedules at one moment."""

    queues: list[QueueStatus]
    nodes: list[NodeStatus]
    quarantined: int
    #: How many results wait for a decision, since their workers have died.
    on_hold: int
    #: The tasks that have reported no progress for longer than their `stall_after`.
    stalled: list[StalledRun]
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
    all_nodes = visible_nodes = read_nodes()
    queues, broker_faults = read_queues(all_nodes)
    if nodes is not None and is_restricted(nodes):
        names = set(nodes.values_list("pk", flat=True))
        visible_nodes = [node for node in all_nodes if node.name in names]
    if schedules is None:
        schedules = PeriodicTask.writing.all()
    disabled = schedules.filter(enabled=False).exclude(disabled_reason="")
    late = late_schedules(schedules, now)
    reasons = dict(late.values_list("name", "postponed_because")[:_MAX_NAMES])
    since = now - QUARANTINE_ALERT
    status = SystemStatus(
        queues=queues,
        nodes=visible_nodes,
        quarantined=QuarantinedMessage.writing.filter(
            quarantined_at__gte=since
        ).count(),
        on_hold=TaskResult.writing.on_hold().count(),
        stalled=stalled_runs(),
        disabled_schedules=list(disabled.values_list("name", flat=True)[:_MAX_NAMES]),
        late_schedules=list(reasons),
        needs_attention=broker_faults,
    )
    status.needs_attention.extend(_problems(status))
    status.needs_attention.extend(problems_of_late_schedules(reasons))
    return status


def _problems(status: SystemStatus) -> Iterator[str]:
    for queue in status.queues:
        yield from problems_of_queue(queue)
    for node in status.nodes:
        yield from problems_of_node(node)
    if status.quarantined:
        yield ngettext(
            "%(count)d message was quarantined within a day; inspect it in the admin.",
            "%(count)d messages were quarantined within a day; inspect them in the "
            "admin.",
            status.quarantined,
        ) % {"count": status.quarantined}
    if status.on_hold:
        yield ngettext(
            "%(count)d result is on hold, since its worker has died; decide whether "
            "it is run again.",
            "%(count)d results are on hold, since their workers have died; decide "
            "whether they are run again.",
            status.on_hold,
        ) % {"count": status.on_hold}
    if status.stalled:
        first = status.stalled[0]
        yield ngettext(
            "%(count)d running task has stalled: %(task)s (%(id)s) has reported no "
            "progress for %(seconds).0f s.",
            "%(count)d running tasks have stalled, such as %(task)s (%(id)s), which "
            "has reported no progress for %(seconds).0f s.",
            len(status.stalled),
        ) % {
            "count": len(status.stalled),
            "task": first.task_path,
            "id": first.id,
            "seconds": (timezone.now() - first.since).total_seconds(),
        }
    for name in status.disabled_schedules:
        yield _("The schedule '%(name)s' has disabled itself.") % {"name": name}
