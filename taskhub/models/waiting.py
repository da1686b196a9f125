"""Waiting for a row to be finished, without hammering the database."""

import asyncio
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connections

from taskhub.exceptions import ResultNotKept, ResultTimeout
from taskhub.polling import pauses

if TYPE_CHECKING:
    from taskhub.models.querysets import TaskResultQuerySet
    from taskhub.models.results import TaskResult

_FINISHED = frozenset({"SUCCESSFUL", "FAILED", "CANCELLED"})


def wait_for(
    rows: "TaskResultQuerySet", pk: UUID, timeout: float | None, *, row_expected: bool
) -> "TaskResult":
    """
    Block until the row is finished, and return it.

    A row that does not exist is one that was not kept, unless it is not expected
    before it is finished.

    Raise ResultTimeout after `timeout` seconds, and ResultNotKept without a row.
    """
    for pause in pauses(timeout):
        status = rows.filter(pk=pk).values_list("status", flat=True).first()
        if _is_over(status, pk, row_expected):
            return rows.get(pk=pk)
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
    hint = (
        " It was waited for inside a transaction; a task that was enqueued in the same "
        "transaction starts only after its commit."
        if connection.in_atomic_block
        else ""
    )
    return ResultTimeout(f"Result {pk} was not finished after {timeout} s.{hint}")
