"""What still runs though nobody waits for its outcome, and may be ended by force."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from taskhub.models import Node, Status, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow
from taskhub.models.nodes import PRESENCE_SECONDS
from taskhub.models.results.lingering import LingeringRun

#: For so long after a cancellation, nodes may not have told yet that it still runs.
_UNTOLD = timedelta(seconds=2 * PRESENCE_SECONDS)


def lingering_runs() -> list[LingeringRun]:
    """
    Return what worker processes still run though nobody waits for its outcome.

    Their results were cancelled, say. It is what the nodes that are present have told
    in the last seconds. One query.
    """
    nodes = Node.writing.present().order_by("name")
    return [run for node in nodes for run in node.lingering_runs]


def still_running(results: Collection[TaskResult]) -> dict[UUID, LingeringRun]:
    """
    Return which of these results a process still runs though nobody waits for it.

    By their ids. One query; none if no run of them can have been overtaken.
    """
    pks = {row.pk for row in results if _may_linger(row)}
    if not pks:
        return {}
    return {run.id: run for run in lingering_runs() if run.id in pks}


def _may_linger(row: TaskResult) -> bool:
    is_first = row.attempts == (1 if row.status == Status.RUNNING else 0)
    return row.is_finished or not is_first


def cancelled_and_running(results: TaskResultQuerySet) -> list[UUID]:
    """
    Return which of these results are cancelled, and still run, but not by force.

    Also those that were cancelled a moment ago while they ran: their nodes may not have
    told of them yet.
    """
    told = {run.id for run in lingering_runs()}
    recent = Q(finished_at__gte=DatabaseNow() - _UNTOLD)
    cancelled = results.using(results_database()).cancelled()
    rows = cancelled.filter(recent | Q(pk__in=told)).values_list("pk", "errors")
    return [pk for pk, errors in rows if errors and _may_run(errors[-1], pk in told)]


def _may_run(cancellation: dict[str, Any], is_told: bool) -> bool:
    was_running = "worker" in cancellation
    return (is_told or was_running) and not cancellation.get("by_force")


def may_be_ended(row: TaskResult) -> bool:
    """Whether cancelling by force may end a process that runs a result."""
    if row.status == Status.RUNNING:
        return True
    if row.status != Status.CANCELLED:
        return False
    return bool(cancelled_and_running(TaskResult.writing.filter(pk=row.pk)))
