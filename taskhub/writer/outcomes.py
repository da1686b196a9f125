"""Outcomes, written in groups that pass the fence."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.models import QuerySet

from taskhub.messages import Returned
from taskhub.models import Place, Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.batches import batches_of
from taskhub.models.clock import DatabaseNow
from taskhub.models.results.slices import EndedSlice, ReturnedSlice
from taskhub.writer.attempts import Outcome
from taskhub.writer.fence import admit
from taskhub.writer.rows import new_row
from taskhub.writer.tally import Tally


def write_outcomes(
    outcomes: Sequence[Outcome],
    *,
    in_rows: bool = False,
    tally: Tally | None = None,
) -> int:
    """
    Write outcomes that pass the fence, in one transaction; see write_group().

    Return how many were refused: their rows were finished or deleted, or another
    attempt owns them by now.
    """
    match outcomes:
        case []:
            return 0
        case [one] if _is_plain(one) and one.is_kept:
            if _write_single(one, in_rows=in_rows, tally=tally):
                return 0
    alias = results_database()
    # Without a savepoint: the group is written whole or not at all.
    with transaction.atomic(using=alias, savepoint=False):
        admitted = admit(outcomes)
        gone = [each.attempt.message.id for each in admitted if not each.is_kept]
        if gone:
            TaskResult.writing.filter(pk__in=gone).delete()
        kept = [each for each in admitted if each.is_kept]
        _write_plain([each for each in kept if _is_plain(each)], alias, in_rows=in_rows)
        others = [each for each in kept if not _is_plain(each)]
        if others:
            rows = [_ended_row(each, in_rows=in_rows) for each in others]
            _upsert(TaskResult.writing.all(), rows, _ENDING_FIELDS)
        if tally is not None:
            transaction.on_commit(partial(tally.count, admitted), using=alias)
    return len(outcomes) - len(admitted)


def _write_single(outcome: Outcome, *, in_rows: bool, tally: Tally | None) -> bool:
    """
    Write a plain outcome with one UPDATE, if its row was neither claimed nor marked.

    Return False if it was: then the fence has to decide. Under little load most
    outcomes come one at a time; this saves a transaction, a lock and an INSERT.
    """
    alias = results_database()
    attempt = outcome.attempt
    changes: dict[str, Any] = {
        "status": outcome.status,
        "attempts": attempt.number,
        "worker_ids": attempt.worker_ids,
        "started_at": attempt.first_started_at,
        "last_attempted_at": attempt.started_at,
        "finished_at": outcome.finished_at,
    }
    if in_rows or outcome.return_value is not None:
        changes |= {
            "return_value": outcome.return_value,
            "place": Place.NOWHERE,
            "held_by": "",
        }
    as_enqueued = TaskResult.writing.filter(
        pk=attempt.message.id, status=Status.READY, attempts=0
    )
    if not as_enqueued.update(**changes):
        return False
    if tally is not None:
        transaction.on_commit(lambda: tally.count([outcome]), using=alias)
    return True


def _is_plain(outcome: Outcome) -> bool:
    """Whether an outcome needs only the columns of EndedSlice or ReturnedSlice."""
    return (
        outcome.status is Status.SUCCESSFUL
        and outcome.attempt.number == 1
        and outcome.attempt.message.durable
        and not outcome.attempt.errors
        and not outcome.storage_notes
        and outcome.memory_mib is None
    )


def _write_plain(outcomes: list[Outcome], alias: str, *, in_rows: bool) -> None:
    if not outcomes:
        return
    if in_rows or any(outcome.return_value is not None for outcome in outcomes):
        returned = [
            ReturnedSlice(return_value=each.return_value, **_plain_values(each))
            for each in outcomes
        ]
        _upsert(ReturnedSlice.objects.using(alias), returned, ReturnedSlice.written())
    else:
        ended = [EndedSlice(**_plain_values(each)) for each in outcomes]
        _upsert(EndedSlice.objects.using(alias), ended, EndedSlice.written())


def _plain_values(outcome: Outcome) -> dict[str, Any]:
    attempt = outcome.attempt
    return {
        "id": attempt.message.id,
        "worker_ids": attempt.worker_ids,
        "started_at": attempt.first_started_at,
        "last_attempted_at": attempt.started_at,
        "finished_at": outcome.finished_at,
    }


_ENDING_FIELDS = [
    "status",
    "return_value",
    "errors",
    "attempts",
    "worker_ids",
    "started_at",
    "last_attempted_at",
    "finished_at",
    "storage_notes",
    "cause",
    "memory_mib",
    "run_after",
    "place",
    "held_by",
    "returned",
]


def _upsert(table: QuerySet[Any], rows: Sequence[Any], fields: Sequence[str]) -> None:
    # One statement for a group that is not too large. It updates `fields` of existing
    # rows, which are locked, and inserts the rows of tasks that are not durable.
    features = connections[table.db].features
    for batch in batches_of(rows):
        table.bulk_create(
            batch,
            update_conflicts=True,
            update_fields=fields,
            unique_fields=(
                ["id"] if features.supports_update_conflicts_with_target else None
            ),
        )


def _ended_row(outcome: Outcome, *, in_rows: bool) -> TaskResult:
    attempt = outcome.attempt
    row = new_row(attempt.message)
    row.status = outcome.status
    row.return_value = outcome.return_value
    row.storage_notes = outcome.storage_notes
    row.errors = attempt.errors
    row.cause = outcome.cause
    row.memory_mib = outcome.memory_mib
    row.run_after = attempt.run_after
    row.place, row.held_by = Place.NOWHERE, ""
    if outcome.status is Status.ON_HOLD:
        # It has no outcome until a person decides.
        row.finished_at = None
    elif outcome.retry_at is None:
        row.finished_at = outcome.finished_at
    else:
        # By the database's clock, since the clocks of workers may differ.
        row.run_after = DatabaseNow() + (outcome.retry_at - datetime.now(UTC))
        if in_rows:
            row.place = Place.DELAYED
            row.returned = Returned(attempt.worker_id, died=False).text
    if outcome.was_started:
        row.attempts = attempt.number
        row.worker_ids = attempt.worker_ids
        row.started_at = attempt.first_started_at
        row.last_attempted_at = attempt.started_at
    return row
