"""Lingering runs: tasks that still run although their outcome will be refused."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from taskhub.models import Node, Status, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow
from taskhub.models.nodes import PRESENCE_SECONDS
from taskhub.models.results.lingering import LingeringRun

#: A node reports a lingering run within this time after the cancellation.
_REPORT_DELAY = timedelta(seconds=2 * PRESENCE_SECONDS)


def lingering_runs() -> list[LingeringRun]:
    """
    Return the runs of worker processes whose outcome will be refused.

    The runs are from the last reports of present nodes, some seconds old. One query.
    """
    nodes = Node.writing.present().order_by("name")
    return [run for node in nodes for run in node.lingering_runs]


def still_running(results: Collection[TaskResult]) -> dict[UUID, LingeringRun]:
    """Return these results' lingering runs by result id, with at most one query."""
    pks = {row.pk for row in results if _may_linger(row)}
    if not pks:
        return {}
    return {run.id: run for run in lingering_runs() if run.id in pks}


def _may_linger(row: TaskResult) -> bool:
    """Return whether an attempt may still run whose outcome will be refused."""
    is_first_attempt = row.attempts == (1 if row.status == Status.RUNNING else 0)
    return row.is_finished or not is_first_attempt


def cancelled_and_running(results: TaskResultQuerySet) -> list[UUID]:
    """
    Return the cancelled results whose tasks still run and were not ended by force.

    Include results that were cancelled just now, whose nodes have not reported yet.
    """
    reported = {run.id for run in lingering_runs()}
    recent = Q(finished_at__gte=DatabaseNow() - _REPORT_DELAY)
    cancelled = results.using(results_database()).cancelled()
    rows = cancelled.filter(recent | Q(pk__in=reported)).values_list("pk", "errors")
    return [
        pk
        for pk, errors in rows
        if errors
        and (pk in reported or "worker" in errors[-1])
        and not errors[-1].get("by_force")
    ]


def may_be_ended(row: TaskResult) -> bool:
    """Return whether cancelling by force may end a process that runs this result."""
    if row.status == Status.RUNNING:
        return True
    if row.status != Status.CANCELLED:
        return False
    return bool(cancelled_and_running(TaskResult.writing.filter(pk=row.pk)))
