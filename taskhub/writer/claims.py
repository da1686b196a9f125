"""Claims: the start of another attempt, written into the row before it runs."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F

from taskhub.db import again_after_deadlock
from taskhub.messages import Message, Returned
from taskhub.models import Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow
from taskhub.models.results.statuses import IN_LINE_STATUSES
from taskhub.retries import WORKER_DIED, is_death
from taskhub.writer.attempts import Attempt, count_deaths
from taskhub.writer.given_back import death_message, describe_death
from taskhub.writer.rows import new_row

#: When to look again at a row that another process may be running.
_RUNNING_WAIT = timedelta(seconds=30)
#: How early a message may be run, by the database's clock.
_MAX_EARLY = timedelta(seconds=2)


class NotDue(msgspec.Struct, frozen=True):
    """The message came before its row is due: the row is due after `wait`."""

    wait: timedelta


@again_after_deadlock(results_database)
def claim(
    message: Message,
    worker_id: str,
    returned: Returned | None,
    *,
    always_claimed: bool = False,
) -> Attempt | NotDue | None:
    """
    Begin another attempt of a message that came back, and may have been started.

    Write the attempt into the row, and what became of the attempt before it.
    `always_claimed` says that first attempts are claimed, too, so that a row without
    attempts proves that none was begun. Then `returned` may be None.

    Return None if the row is finished, on hold, or was deleted: there is nothing to
    run. Return NotDue if the row is due later: the worker of a failed attempt died
    before it could postpone the message, or the broker has lost the time. With
    `always_claimed`, also if another process may be running it: the broker may have a
    second message, as after a return to an older state.
    """
    alias = results_database()
    now = datetime.now(UTC)
    with transaction.atomic(using=alias):
        row = _lock_row(message)
        if row is None or row.status not in IN_LINE_STATUSES:
            return None
        if (wait := _wait_for(row, now)) > _MAX_EARLY:
            return NotDue(wait)
        if always_claimed and _may_be_running(row, returned):
            return NotDue(_RUNNING_WAIT)
        follows_unknown = _has_unknown_outcome(row)
        if returned is not None and not (always_claimed and row.attempts == 0):
            _end_previous_attempt(row, returned, now)
        _begin(row, worker_id, now)
    return Attempt(
        message=message,
        worker_id=worker_id,
        number=row.attempts,
        started_at=now,
        first_started_at=row.started_at or now,
        worker_ids=row.worker_ids,
        errors=row.errors,
        run_after=row.run_after,
        follows_unknown=follows_unknown,
    )


def _lock_row(message: Message) -> TaskResult | None:
    """Return the locked row of a message, or a new one if it is not durable."""
    row = TaskResult.writing.select_for_update().filter(pk=message.id).first()
    return new_row(message) if row is None and not message.durable else row


def _begin(row: TaskResult, worker_id: str, now: datetime) -> None:
    row.status = Status.RUNNING
    row.attempts += 1
    row.worker_ids = [*row.worker_ids, worker_id]
    row.started_at = row.started_at or now
    row.last_attempted_at = now
    row.save(using=results_database())


def _may_be_running(row: TaskResult, returned: Returned | None) -> bool:
    """Whether the process of the last attempt has not returned the message."""
    holder = returned.holder if returned else ""
    return row.status == Status.RUNNING and row.worker_ids[-1:] != [holder]


def _has_unknown_outcome(row: TaskResult) -> bool:
    """
    Whether the last attempt of a row was begun, and its outcome is not written.

    A failure has an entry in `errors`, and so has what a person decided. A success that
    was retried by hand has no `last_attempted_at`; see write_retried().
    """
    if row.attempts == 0 or (row.status == Status.READY and not row.last_attempted_at):
        return False
    return not any(
        entry.get("attempt") == row.attempts
        and (entry.get("before_retry") or not is_death(entry))
        for entry in row.errors
    )


def _wait_for(row: TaskResult, now: datetime) -> timedelta:
    """Return how long it is until a row is due, by the database's clock."""
    if row.status != Status.READY or not row.run_after:
        return timedelta(0)
    if row._state.adding:
        # The database does not have this row yet.
        return row.run_after - now
    wait = ExpressionWrapper(
        F("run_after") - DatabaseNow(), output_field=DurationField()
    )
    rows = TaskResult.writing.filter(pk=row.pk).annotate(wait=wait)
    found: timedelta = rows.values_list("wait", flat=True).get()
    return found


def _end_previous_attempt(row: TaskResult, returned: Returned, now: datetime) -> None:
    # Whether the row already says how the previous attempt ended.
    waits = row.status == Status.READY and row.attempts > 0
    if row.attempts == 0 and returned.holder:
        # The attempt of that holder was too short to be marked, or did not begin.
        row.attempts, row.worker_ids = 1, [returned.holder]
    if returned.died and not waits and not _is_known(returned.holder, row.errors):
        row.errors = [*row.errors, describe_death(row, returned.holder, now)]
    if row.status == Status.RUNNING:
        # The attempt was given back, but the next one's due time could not be written.
        row.run_after = now


def deaths_of(pk: UUID, *, besides: str) -> int:
    """
    Return how many worker processes have died with a result, by its row.

    Do not count the token `besides`, whose death may not be in the row yet.
    """
    rows = TaskResult.writing.filter(pk=pk)
    errors = rows.values_list("errors", flat=True).first() or []
    own = death_message(besides)
    return count_deaths(error for error in errors if error.get("message") != own)


def _is_known(holder: str, errors: list[dict[str, Any]]) -> bool:
    """
    Whether the death of a worker process is in the row already.

    The process that took the message back may have written it, or an earlier claim
    whose reply was lost.
    """
    death = {"exception_class_path": WORKER_DIED, "message": death_message(holder)}
    return any(death.items() <= error.items() for error in errors)
