"""
Attempts that were begun and given back: their rows are READY again.

The rows are written by the process that leaves an attempt to others, or by the steward
that has taken the message back from a dead process. Until another attempt has begun,
the outcome of the old one is still accepted: its process may only have been frozen.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

from taskhub.db import again_after_deadlock
from taskhub.models import Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.batches import batches_of
from taskhub.models.clock import DatabaseNow
from taskhub.retries import WORKER_DIED
from taskhub.writer.attempts import Attempt
from taskhub.writer.rows import locked

#: Bounds the size of an UPDATE, which has a CASE for each of its rows and columns.
_MAX_ROWS_PER_UPDATE = 100


class GivenBack(msgspec.Struct, frozen=True):
    """An attempt that was begun and has no outcome: another one is to follow."""

    attempt: Attempt
    #: When the next one is due; None for at once.
    due_again: datetime | None = None

    def __repr__(self) -> str:
        return f"<GivenBack {self.attempt!r}>"


def write_given_back(given_back: Iterable[GivenBack]) -> None:
    """Write that attempts were given back, into the rows that they own."""
    now = datetime.now(UTC)
    for each in given_back:
        attempt = each.attempt
        pause = max(timedelta(0), each.due_again - now) if each.due_again else None
        TaskResult.writing.filter(
            pk=attempt.message.id,
            status=Status.RUNNING,
            attempts=attempt.number,
            worker_ids=attempt.worker_ids,
        ).update(
            status=Status.READY,
            # By the database's clock, with which it is compared later.
            run_after=DatabaseNow() + pause if pause else DatabaseNow(),
        )


def write_deaths_of(tokens: Collection[str], backend: str) -> int:
    """
    Write that the results which some dead processes were running are READY again.

    Return how many were changed. Block for one query, and for two more if it finds any.
    """
    running = TaskResult.writing.running().filter(backend=backend)
    holders = {
        pk: worker_ids[-1]
        for pk, worker_ids in running.values_list("pk", "worker_ids")
        if worker_ids and worker_ids[-1] in tokens
    }
    return write_deaths(holders) if holders else 0


@again_after_deadlock(results_database)
def write_deaths(holders: Mapping[UUID, str]) -> int:
    """
    Write that results are READY again, since the process that ran each has died.

    `holders` has the token of each result's process. Rows that another attempt owns by
    now are not changed. Return how many were changed.
    """
    now = datetime.now(UTC)
    with transaction.atomic(using=results_database()):
        running = TaskResult.writing.running().filter(pk__in=holders)
        rows = [
            row for row in locked(running) if row.worker_ids[-1:] == [holders[row.pk]]
        ]
        for row in rows:
            row.errors = [*row.errors, describe_death(row, holders[row.pk], now)]
            row.status, row.run_after = Status.READY, DatabaseNow()
        for batch in batches_of(rows):
            TaskResult.writing.bulk_update(
                batch,
                ["status", "run_after", "errors"],
                batch_size=_MAX_ROWS_PER_UPDATE,
            )
    return len(rows)


def death_message(holder: str) -> str:
    """Return the message of the error for a process that has died."""
    return f"The worker process died: {holder}."


def describe_death(
    row: TaskResult, holder: str, noticed_at: datetime
) -> dict[str, Any]:
    """Return the entry of `TaskResult.errors` for an attempt whose process has died."""
    began = row.last_attempted_at
    times = {"started_at": began.isoformat()} if began else {}
    return {
        **times,
        "due_at": row.due_at.isoformat(),
        "attempt": row.attempts,
        "failed_at": noticed_at.isoformat(),
        "exception_class_path": WORKER_DIED,
        "message": death_message(holder),
        "traceback": "",
    }
