"""What operators do to results: cancel, retry and decide about them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from taskhub.db import again_after_deadlock
from taskhub.foundation.values import escape_text
from taskhub.models import Place, Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.batches import batches_of
from taskhub.models.clock import DatabaseNow
from taskhub.models.results.outcome import CANCELLED_CLASS_PATH
from taskhub.models.results.statuses import IN_LINE_STATUSES
from taskhub.writer.errors import cause_of
from taskhub.writer.rows import locked
from taskhub.writer.tally import Tally, write_metrics

#: Bounds the size of a row that bulk actions change every night, for example.
_MAX_BULK_ACTIONS_PER_ROW = 50
#: Bounds the size of an UPDATE, which has a CASE for each of its rows and columns.
_MAX_ROWS_PER_UPDATE = 100


@again_after_deadlock(results_database)
def write_cancelled(
    pks: Collection[UUID],
    reason: str,
    *,
    by_force: bool = False,
    bulk_action: UUID | None = None,
) -> set[UUID]:
    """
    Cancel the unfinished results among `pks`.

    Return their ids. The outcome of a running attempt will be refused. Its worker
    notices within two seconds, and with `by_force` ends the process that runs it.
    """
    alias = results_database()
    now = datetime.now(UTC)
    entry = {
        "failed_at": now.isoformat(),
        "exception_class_path": CANCELLED_CLASS_PATH,
        "message": escape_text(reason),
        "traceback": "",
        "by_force": by_force,
    }
    with transaction.atomic(using=alias):
        unfinished = TaskResult.writing.unfinished().filter(pk__in=pks)
        rows = list(locked(unfinished).only(*_READ_BY_CANCEL))
        held = [row.pk for row in rows if row.status == Status.ON_HOLD]
        tally = Tally()
        for row in rows:
            tally.count_decided(row.task_path, row.queue_name, Status.CANCELLED)
            # Name the worker that runs it, which may continue for a while.
            runs = row.status == Status.RUNNING and row.worker_ids
            worker = {"worker": row.worker_ids[-1]} if runs else {}
            row.status, row.finished_at = Status.CANCELLED, now
            row.errors = [*row.errors, {"attempt": row.attempts, **worker, **entry}]
            row.place, row.held_by = Place.NOWHERE, ""
        changed = ["status", "finished_at", "errors", "place", "held_by"]
        _update(rows, [*changed, *_note(bulk_action, rows)])
        if held:
            # As in write_decided().
            TaskResult.writing.filter(pk__in=held).update(run_after=now)
        write_metrics(tally.take())
    return {row.pk for row in rows}


_READ_BY_CANCEL = (
    "pk",
    "status",
    "attempts",
    "worker_ids",
    "errors",
    "task_path",
    "queue_name",
    "bulk_action_ids",
)


@again_after_deadlock(results_database)
def write_forced(
    pks: Collection[UUID], reason: str, *, bulk_action: UUID | None = None
) -> set[UUID]:
    """
    Write that cancelled results are to be ended by force; see write_cancelled().

    Return the ids of those for which this was not written before.
    """
    alias = results_database()
    now = datetime.now(UTC)
    with transaction.atomic(using=alias):
        cancelled = TaskResult.writing.cancelled().filter(pk__in=pks)
        found = locked(cancelled).only("pk", "errors", "bulk_action_ids")
        rows = [row for row in found if row.errors and not _is_forced(row.errors)]
        for row in rows:
            *before, entry = row.errors
            forced = {"by_force": True, "forced_at": now.isoformat()}
            if (said := escape_text(reason)) != entry.get("message"):
                forced["message"] = f"{entry.get('message', '')} By force: {said}"
            row.errors = [*before, entry | forced]
        _update(rows, ["errors", *_note(bulk_action, rows)])
    return {row.pk for row in rows}


@again_after_deadlock(results_database)
def write_retried(
    due_times: Mapping[UUID, datetime | None], *, bulk_action: UUID | None = None
) -> list[TaskResult]:
    """
    Retry the results among `due_times` that are finished or on hold, each at its due
    time or at once.

    Return their new rows. The time until the retry does not count as waiting time.
    """
    alias, now = results_database(), datetime.now(UTC)
    with transaction.atomic(using=alias):
        over = TaskResult.writing.exclude(status__in=IN_LINE_STATUSES)
        rows = list(locked(over.filter(pk__in=due_times)))
        for row in rows:
            if row.status == Status.SUCCESSFUL:
                # Its last attempt has no error that says that it has ended.
                row.last_attempted_at = None
            row.status, row.finished_at, row.cause = Status.READY, None, ""
            # By the database's clock, with which it is compared later.
            row.run_after, row.expires_at = due_times[row.pk] or DatabaseNow(), None
            row.return_value, row.storage_notes = None, {}
            # The retry has all of its attempts again; older errors are only shown.
            row.errors = [entry | {"before_retry": True} for entry in row.errors]
            if row.errors:
                row.errors[-1].setdefault("retried_at", now.isoformat())
            row.place = Place.NOWHERE
        changed = [
            "status",
            "finished_at",
            "cause",
            "run_after",
            "expires_at",
            "return_value",
            "storage_notes",
            "errors",
            "place",
            "last_attempted_at",
        ]
        _update(rows, [*changed, *_note(bulk_action, rows)])
    for row in rows:
        # DatabaseNow() cannot be pushed. For the broker, None means at once.
        row.run_after = due_times[row.pk]
    return rows


@again_after_deadlock(results_database)
def write_decided(pks: Collection[UUID], reason: str, *, successful: bool) -> set[UUID]:
    """
    Finish the results on hold among `pks`; return their ids.

    Their `run_after` is their `finished_at`, so that the time on hold does not count as
    a run.
    """
    now = datetime.now(UTC)
    tally = Tally()
    with transaction.atomic(using=results_database()):
        on_hold = TaskResult.writing.on_hold().filter(pk__in=pks)
        # Not the other columns, such as arguments, which may be large.
        rows = list(locked(on_hold).only("task_path", "queue_name", "errors"))
        for row in rows:
            row.status = Status.SUCCESSFUL if successful else Status.FAILED
            # Due only now: it has not run since its last attempt.
            row.finished_at = row.run_after = now
            if row.errors:
                entry = row.errors[-1]
                entry["message"] = f"{entry.get('message', '')} {escape_text(reason)}"
                row.cause = "" if successful else cause_of(entry)
            tally.count_decided(row.task_path, row.queue_name, row.status)
        _update(rows, ["status", "finished_at", "run_after", "errors", "cause"])
        write_metrics(tally.take())
    return {row.pk for row in rows}


def _update(rows: list[TaskResult], fields: list[str]) -> None:
    for batch in batches_of(rows):
        TaskResult.writing.bulk_update(batch, fields, batch_size=_MAX_ROWS_PER_UPDATE)


def _note(bulk_action: UUID | None, rows: Iterable[TaskResult]) -> list[str]:
    """Note a bulk action in the rows that it changes; return the changed columns."""
    if bulk_action is None:
        return []
    for row in rows:
        # The id may be there: a batch is repeated if its steward died during it.
        others = [
            each for each in row.bulk_action_ids or [] if each != str(bulk_action)
        ]
        ids = [*others, str(bulk_action)]
        row.bulk_action_ids = ids[-_MAX_BULK_ACTIONS_PER_ROW:]
    return ["bulk_action_ids"]


def read_cancelled(pks: Collection[UUID]) -> dict[UUID, bool]:
    """Return which of these results were cancelled, and whether by force."""
    rows = TaskResult.writing.cancelled().filter(pk__in=pks)
    return {pk: _is_forced(errors) for pk, errors in rows.values_list("pk", "errors")}


def _is_forced(errors: list[dict[str, Any]]) -> bool:
    return bool(errors and errors[-1].get("by_force"))
