"""Claims: another attempt of a message that came back, begun in its row."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F

from taskhub.deadlocks import again_after_deadlock
from taskhub.messages import Message, Returned
from taskhub.models import Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.clock import DatabaseNow
from taskhub.retries import WORKER_DIED
from taskhub.writer.attempts import Attempt, count_deaths
from taskhub.writer.given_back import describe_death, words_for_death
from taskhub.writer.rows import new_row

#: A message may come so much before its time, by the database's clock.
_EARLY = timedelta(seconds=2)


class NotDue(msgspec.Struct, frozen=True):
    """A message that came before its time: its row waits for another attempt."""

    wait: timedelta


@again_after_deadlock(results_database)
def claim(
    message: Message, worker_id: str, returned: Returned
) -> Attempt | NotDue | None:
    """
    Begin another attempt of a message that came back, and may have been started.

    The row says so before anything is run, and what became of the attempt before it.
    Return None if there is nothing to run: the row is finished, or was deleted. Return
    NotDue if a failed attempt has left it to be tried later, and its worker died before
    it could tell the broker; or if the broker has lost when it is due.
    """
    alias = results_database()
    now = datetime.now(UTC)
    with transaction.atomic(using=alias):
        row = TaskResult.writing.select_for_update().filter(pk=message.id).first()
        if row is None and not message.durable:
            row = new_row(message)
        if row is None or row.is_finished:
            return None
        waits = row.status == Status.READY and row.attempts > 0
        if row.status == Status.READY and row.run_after:
            # A row that is not written yet has only this clock to go by.
            is_new = row._state.adding
            wait = row.run_after - now if is_new else _wait(row.pk)
            if wait > _EARLY:
                return NotDue(wait)
        if row.attempts == 0 and returned.holder:
            # It was not under way for long enough to be marked, if at all.
            row.attempts, row.worker_ids = 1, [returned.holder]
        if returned.died and not waits and not _is_known(returned.holder, row.errors):
            row.errors = [*row.errors, describe_death(row, returned.holder, now)]
        if row.status == Status.RUNNING:
            # Whoever has given it back could not write so: it was just now, at the
            # latest.
            row.run_after = now
        row.status = Status.RUNNING
        row.attempts += 1
        row.worker_ids = [*row.worker_ids, worker_id]
        row.started_at = row.started_at or now
        row.last_attempted_at = now
        row.save(using=alias)
    return Attempt(
        message=message,
        worker_id=worker_id,
        number=row.attempts,
        started_at=now,
        first_started_at=row.started_at,
        worker_ids=row.worker_ids,
        errors=row.errors,
        run_after=row.run_after,
    )


def _wait(pk: UUID) -> timedelta:
    """Return how long it is until a row is due."""
    rows = TaskResult.writing.filter(pk=pk)
    wait = ExpressionWrapper(
        F("run_after") - DatabaseNow(), output_field=DurationField()
    )
    found: timedelta = rows.annotate(wait=wait).values_list("wait", flat=True).get()
    return found


def deaths_of(pk: UUID, *, besides: str) -> int:
    """
    Return how many worker processes have died with a result, by its row.

    Without that of one, by its token, which may or may not be in the row already.
    """
    rows = TaskResult.writing.filter(pk=pk)
    errors = rows.values_list("errors", flat=True).first() or []
    own = words_for_death(besides)
    return count_deaths(error for error in errors if error.get("message") != own)


def _is_known(holder: str, errors: list[dict[str, Any]]) -> bool:
    """
    Whether the death of a worker process is in the row already: each dies once.

    Whoever took the message back has written it. Or an earlier claim was committed, and
    its reply was lost; so the message went back to the broker as one that was not
    begun, with what the broker knew of it before.
    """
    death = {"exception_class_path": WORKER_DIED, "message": words_for_death(holder)}
    return any(death.items() <= error.items() for error in errors)
