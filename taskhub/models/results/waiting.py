"""Waiting until a result has finished, with few queries."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connections

from taskhub.exceptions import ResultNotKept, ResultTimeout
from taskhub.foundation.current import current_result
from taskhub.foundation.polling import pauses

if TYPE_CHECKING:
    from taskhub.models.results.querysets import TaskResultQuerySet
    from taskhub.models.results.task_result import TaskResult

logger = logging.getLogger(__name__)

_FINISHED = frozenset({"SUCCESSFUL", "FAILED", "CANCELLED"})


def wait_for(
    rows: "TaskResultQuerySet", pk: UUID, timeout: float | None, *, row_expected: bool
) -> "TaskResult":
    """
    Block until the result has finished, and return its row.

    Without `row_expected`, the row may be missing until the task finishes. With it,
    raise ResultNotKept if there is no row. Raise ResultTimeout after `timeout` seconds;
    None means no limit.
    """
    has_warned = False
    for pause in pauses(timeout):
        status = rows.filter(pk=pk).values_list("status", flat=True).first()
        if _is_over(status, pk, row_expected):
            return rows.get(pk=pk)
        if not has_warned:
            _warn_in_task(pk)
            has_warned = True
        time.sleep(pause)
    raise _timed_out(rows, pk, timeout)


async def await_for(
    rows: "TaskResultQuerySet", pk: UUID, timeout: float | None, *, row_expected: bool
) -> "TaskResult":
    """See wait_for()."""
    for pause in pauses(timeout):
        status = await rows.filter(pk=pk).values_list("status", flat=True).afirst()
        if _is_over(status, pk, row_expected):
            return await rows.aget(pk=pk)
        await asyncio.sleep(pause)
    raise _timed_out(rows, pk, timeout)


def _warn_in_task(pk: UUID) -> None:
    """Log a warning if a task blocks its process by waiting."""
    if current_result.get() is not None:
        logger.warning(
            "The run %s waits for result %s and keeps its process busy. If no other "
            "process is free, both wait forever. Enqueue the next task at the end of "
            "this one, or let other workers serve that queue.",
            current_result.get(),
            pk,
        )


def _is_over(status: str | None, pk: UUID, row_expected: bool) -> bool:
    if status is None and row_expected:
        raise ResultNotKept(
            f"Result {pk} has no row: its task does not keep it, or it was deleted."
        )
    return status in _FINISHED


def _timed_out(
    rows: "TaskResultQuerySet", pk: UUID, timeout: float | None
) -> ResultTimeout:
    connection: Any = connections[rows.db]
    hint = ""
    if connection.in_atomic_block:
        hint = (
            " The caller waited inside a transaction; a task that was enqueued in the "
            "same transaction starts only after its commit."
        )
    elif current_result.get() is not None:
        hint = (
            " The caller waited inside a running task; if no other process was free, "
            "it could not start."
        )
    return ResultTimeout(f"Result {pk} was not finished after {timeout} s.{hint}")
