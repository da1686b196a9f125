"""Stalled results: running tasks that have reported no progress for too long."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.utils import timezone

from taskhub.exceptions import UnknownTask
from taskhub.models import Status, TaskResult
from taskhub.tasks import find_task, registered_tasks

_MAX_ROWS = 1_000


class StalledRun(msgspec.Struct, frozen=True):
    """A running task without progress for longer than its `stall_after`."""

    id: UUID
    task_path: str
    #: When it reported progress last, or when it started.
    since: datetime


def stalled_runs() -> list[StalledRun]:
    """
    Return the stalled runs, the oldest first, among the first 1,000 running results.

    One query, and none if no task has `stall_after`.
    """
    paths = [path for path, task in registered_tasks().items() if task.stall_after]
    if not paths:
        return []
    rows = TaskResult.writing.running().filter(task_path__in=paths).order_by("id")
    needed = ("task_path", "status", "progress", "last_attempted_at")
    return sorted(
        _stalled(rows.only("id", *needed)[:_MAX_ROWS]), key=lambda run: run.since
    )


def stalled_since(row: TaskResult) -> datetime | None:
    """Return since when a task has stalled; None if it has not."""
    if row.status != Status.RUNNING or row.last_attempted_at is None:
        return None
    try:
        limit = find_task(row.task_path).stall_after
    except UnknownTask:
        return None
    since = max(row.last_attempted_at, _reported_at(row) or row.last_attempted_at)
    is_stalled = limit is not None and timezone.now() - since > timedelta(seconds=limit)
    return since if is_stalled else None


def _stalled(rows: Iterable[TaskResult]) -> list[StalledRun]:
    return [
        StalledRun(row.pk, row.task_path, since)
        for row in rows
        if (since := stalled_since(row)) is not None
    ]


def _reported_at(row: TaskResult) -> datetime | None:
    """Return when a task reported progress last; None if it never did."""
    at = (row.progress or {}).get("at")
    try:
        found = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        # The row was edited with SQL.
        return None
    return found if found and found.tzinfo else None
