"""
The fence: which outcomes may be written.

An outcome may change a row only while the row is unfinished, and only if its attempt
owns the row. An attempt becomes the owner when its number and its worker are written
into the row: when a long run is marked RUNNING, or in claim(). The first outcome for a
row without an owner is accepted. So a worker that was thought dead writes nothing once
another worker has claimed its message.
"""

from collections.abc import Collection
from uuid import UUID

from taskhub.models import Status, TaskResult
from taskhub.retries import is_death
from taskhub.writer.attempts import Attempt, Outcome
from taskhub.writer.rows import locked


def admit(outcomes: Collection[Outcome]) -> list[Outcome]:
    """Lock the rows of a group, and return the outcomes that pass the fence."""
    by_id = {outcome.attempt.message.id: outcome for outcome in outcomes}
    unfinished = TaskResult.writing.unfinished().filter(pk__in=by_id)
    found = list(locked(unfinished).values_list("pk", "status", "attempts"))
    waiting = [
        pk for pk, status, attempts in found if status == Status.READY and attempts
    ]
    ended = _with_outcome(waiting) if waiting else set()
    attempts_of: dict[UUID, int] = {
        pk: attempts for pk, _status, attempts in found if pk not in ended
    }
    # Most rows have no owner yet. Read the owners of the other rows only.
    claimed = [pk for pk, attempts in attempts_of.items() if attempts]
    owners = dict(
        TaskResult.writing.filter(pk__in=claimed).values_list("pk", "worker_ids")
        if claimed
        else ()
    )
    rowless = [
        pk
        for pk, outcome in by_id.items()
        if pk not in attempts_of and not outcome.attempt.message.durable
    ]
    if rowless:
        finished = set(TaskResult.writing.filter(pk__in=rowless).ids())
        attempts_of |= {pk: 0 for pk in rowless if pk not in finished}
    return [
        outcome
        for outcome in outcomes
        if (pk := outcome.attempt.message.id) in attempts_of
        and _belongs_to(outcome.attempt, attempts_of[pk], owners.get(pk, []))
    ]


def _with_outcome(waiting: list[UUID]) -> set[UUID]:
    """
    Return the waiting rows that have the outcome of their last attempt already.

    The other rows were given back, or taken back from a process that seemed dead.
    """
    rows = TaskResult.writing.filter(pk__in=waiting)
    return {
        pk
        for pk, attempts, errors in rows.values_list("pk", "attempts", "errors")
        if any(
            error.get("attempt") == attempts and not is_death(error) for error in errors
        )
    }


def _belongs_to(attempt: Attempt, attempts: int, worker_ids: list[str]) -> bool:
    unclaimed = attempts == 0
    return unclaimed or (
        attempts == attempt.number and worker_ids[-1:] == [attempt.worker_id]
    )
