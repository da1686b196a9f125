"""
The one pen for outcomes: what workers found out goes into rows here and nowhere else.

The fence, which every write goes through: a row is changed only while it is unfinished,
and only by the attempt that it belongs to. A row belongs to nobody until an attempt has
put its number and its worker into it, by being marked RUNNING or by a claim; whoever
comes first with an outcome of an unclaimed row has it. So a worker that was thought
dead, and whose message somebody else has claimed, writes nothing any more.

Functions here are given groups and write each in one transaction; see
`worker/group_writer.py` for who makes the groups.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connections, transaction
from django.db.models import Q

from taskhub.messages import Delivery, Message, Returned
from taskhub.models import (
    Lease,
    Place,
    QuarantinedMessage,
    Status,
    TaskResult,
    TaskResultQuerySet,
)
from taskhub.models.results import CANCELLED, WORKER_DIED, results_database
from taskhub.tasks.task import Keep
from taskhub.values import escape_text

logger = logging.getLogger(__name__)

#: What is kept of a message that could not be run: less than any database refuses.
_MOST_OF_A_BODY = 2 * 1024 * 1024


class Attempt(msgspec.Struct, kw_only=True):
    """One execution of a result: what its row is to say of it."""

    message: Message
    worker_id: str
    #: Counts from 1.
    number: int = 1
    started_at: datetime
    #: Of the result's first attempt.
    first_started_at: datetime
    #: This attempt's worker is the last of them.
    worker_ids: list[str]
    #: One for each attempt that has failed, as in `TaskResult.errors`.
    errors: list[dict[str, Any]] = []

    @property
    def deaths(self) -> int:
        """How many attempts before this one ended with their worker's death."""
        classes = [error.get("exception_class_path") for error in self.errors]
        return classes.count(WORKER_DIED)

    @classmethod
    def first(cls, message: Message, worker_id: str) -> "Attempt":
        """Begin the first attempt of a message; nothing is written."""
        now = datetime.now(UTC)
        return cls(
            message=message,
            worker_id=worker_id,
            started_at=now,
            first_started_at=now,
            worker_ids=[worker_id],
        )


class Outcome(msgspec.Struct, kw_only=True):
    """How an attempt ended."""

    attempt: Attempt
    status: Status
    finished_at: datetime
    return_value: Any = None
    storage_notes: dict[str, str] = {}
    #: False for a task that was not begun: expired, say.
    was_started: bool = True
    keep: Keep = "all"

    @property
    def is_kept(self) -> bool:
        """Whether the row stays."""
        failed = self.status is not Status.SUCCESSFUL
        return self.keep == "all" or (self.keep == "errors" and failed)


class Progress(msgspec.Struct, frozen=True):
    """What a running task said of itself."""

    attempt: Attempt
    done: float
    total: float | None
    message: str


class Quarantined(msgspec.Struct, frozen=True):
    """A delivery that could not be run, and why."""

    delivery: Delivery
    reason: str
    worker_id: str


def claim(message: Message, worker_id: str, returned: Returned) -> Attempt | None:
    """
    Begin another attempt of a message that came back, and may have been started.

    The row says so before anything is run, and what became of the attempt before it.
    Return None if there is nothing to run: the row is finished, or was deleted.
    """
    alias = results_database()
    now = datetime.now(UTC)
    with transaction.atomic(using=alias):
        row = _rows(alias).select_for_update().filter(pk=message.id).first()
        if row is None and not message.durable:
            row = _new_row(message)
        if row is None or row.is_finished:
            return None
        if row.attempts == 0:
            # It was not under way for long enough to be marked, if at all.
            row.attempts, row.worker_ids = 1, [returned.holder]
        if returned.died:
            row.errors = [*row.errors, _death(row.attempts, returned.holder, now)]
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
    )


def _death(attempt: int, holder: str, noticed_at: datetime) -> dict[str, Any]:
    return {
        "attempt": attempt,
        "failed_at": noticed_at.isoformat(),
        "exception_class_path": WORKER_DIED,
        "message": f"The worker process died: {holder}.",
        "traceback": "",
    }


def write_group(
    *,
    outcomes: Collection[Outcome],
    quarantined: Collection[Quarantined],
    running: Iterable[Attempt],
    progress: Iterable[Progress],
) -> int:
    """
    Write all that has come together, in one transaction.

    Return how many outcomes were refused by the fence.
    """
    with transaction.atomic(using=results_database()):
        mark_running(running)
        write_progress(progress)
        quarantine(quarantined)
        return write_outcomes(outcomes)


def mark_running(attempts: Iterable[Attempt]) -> None:
    """Write that attempts are under way: those that last long enough to be seen."""
    alias = results_database()
    for attempt in attempts:
        _rows(alias).filter(
            pk=attempt.message.id, status=Status.READY, attempts=0
        ).update(
            status=Status.RUNNING,
            attempts=attempt.number,
            worker_ids=attempt.worker_ids,
            started_at=attempt.first_started_at,
            last_attempted_at=attempt.started_at,
        )


def write_progress(reports: Iterable[Progress]) -> None:
    """Write how far running tasks are."""
    alias = results_database()
    for report in reports:
        attempt = report.attempt
        own = Q(attempts=0) | Q(attempts=attempt.number, worker_ids=attempt.worker_ids)
        _rows(alias).unfinished().filter(own, pk=attempt.message.id).update(
            progress={
                "done": report.done,
                "total": report.total,
                "message": escape_text(report.message),
            }
        )


def write_outcomes(outcomes: Collection[Outcome]) -> int:
    """
    Write how attempts ended, in one transaction, through the fence.

    Return how many were refused: their rows were finished, deleted, or belong to
    another attempt by now.
    """
    if not outcomes:
        return 0
    alias = results_database()
    with transaction.atomic(using=alias):
        admitted = _admit(outcomes, alias)
        gone = [each.attempt.message.id for each in admitted if not each.is_kept]
        if gone:
            _rows(alias).filter(pk__in=gone).delete()
        _upsert([_finished_row(each) for each in admitted if each.is_kept], alias)
    return len(outcomes) - len(admitted)


def write_cancelled(pks: Collection[UUID], reason: str) -> set[UUID]:
    """
    Write that results were cancelled, those of them that are unfinished.

    Return their ids. An attempt that is under way writes nothing any more.
    """
    alias = results_database()
    now = datetime.now(UTC)
    entry = {
        "failed_at": now.isoformat(),
        "exception_class_path": CANCELLED,
        "message": escape_text(reason),
        "traceback": "",
    }
    with transaction.atomic(using=alias):
        rows = list(
            _rows(alias)
            .unfinished()
            .filter(pk__in=pks)
            .order_by("pk")
            .select_for_update()
            .only("pk", "attempts", "errors")
        )
        for row in rows:
            row.status, row.finished_at = Status.CANCELLED, now
            row.errors = [*row.errors, {"attempt": row.attempts, **entry}]
            row.place, row.held_by = Place.NOWHERE, ""
        _rows(alias).bulk_update(
            rows, ["status", "finished_at", "errors", "place", "held_by"]
        )
    return {row.pk for row in rows}


def quarantine(messages: Collection[Quarantined]) -> None:
    """Keep messages that could not be run, to be looked at."""
    if not messages:
        return
    now = datetime.now(UTC)
    QuarantinedMessage.objects.using(results_database()).bulk_create(
        QuarantinedMessage(
            message_id=escape_text(each.delivery.id)[:200],
            queue_name=each.delivery.queue_name,
            reason=escape_text(each.reason),
            body=each.delivery.body[:_MOST_OF_A_BODY],
            worker_id=each.worker_id,
            quarantined_at=now,
        )
        for each in messages
    )


def probe() -> None:
    """
    Write something that changes nothing.

    Raise a database's error if it takes no writes now.
    """
    Lease.objects.using(results_database()).filter(token="").update(
        ends_at=datetime.now(UTC)
    )


def _admit(outcomes: Collection[Outcome], alias: str) -> list[Outcome]:
    """Lock the rows of a group, and return the outcomes that may be written."""
    by_id = {outcome.attempt.message.id: outcome for outcome in outcomes}
    # In the order of ids, so that no two groups wait for each other.
    locked = {
        pk: (attempts, worker_ids)
        for pk, attempts, worker_ids in _rows(alias)
        .unfinished()
        .filter(pk__in=by_id)
        .order_by("pk")
        .select_for_update()
        .values_list("pk", "attempts", "worker_ids")
    }
    rowless = [
        pk
        for pk, outcome in by_id.items()
        if pk not in locked and not outcome.attempt.message.durable
    ]
    if rowless:
        finished = set(_rows(alias).filter(pk__in=rowless).ids())
        locked |= {pk: (0, []) for pk in rowless if pk not in finished}
    return [
        outcome
        for outcome in outcomes
        if (row := locked.get(outcome.attempt.message.id))
        and _belongs_to(outcome.attempt, *row)
    ]


def _belongs_to(attempt: Attempt, attempts: int, worker_ids: list[str]) -> bool:
    unclaimed = attempts == 0
    return unclaimed or (
        attempts == attempt.number and worker_ids[-1:] == [attempt.worker_id]
    )


_FINISHING_FIELDS = [
    "status",
    "return_value",
    "errors",
    "attempts",
    "worker_ids",
    "started_at",
    "last_attempted_at",
    "finished_at",
    "storage_notes",
    "place",
    "held_by",
]


def _upsert(rows: list[TaskResult], alias: str) -> None:
    # One statement for a whole group. The rows exist and are locked, so that only the
    # fields named here are written; those of tasks that are not durable are inserted.
    if not rows:
        return
    features = connections[alias].features
    _rows(alias).bulk_create(
        rows,
        update_conflicts=True,
        update_fields=_FINISHING_FIELDS,
        unique_fields=(
            ["id"] if features.supports_update_conflicts_with_target else None
        ),
    )


def _finished_row(outcome: Outcome) -> TaskResult:
    attempt = outcome.attempt
    row = _new_row(attempt.message)
    row.status = outcome.status
    row.return_value = outcome.return_value
    row.storage_notes = outcome.storage_notes
    row.errors = attempt.errors
    row.finished_at = outcome.finished_at
    row.place, row.held_by = Place.NOWHERE, ""
    if outcome.was_started:
        row.attempts = attempt.number
        row.worker_ids = attempt.worker_ids
        row.started_at = attempt.first_started_at
        row.last_attempted_at = attempt.started_at
    return row


def _new_row(message: Message) -> TaskResult:
    # A durable message's arguments are in its row already, and are not sent again.
    return TaskResult(
        id=message.id,
        task_path=message.task_path,
        args=[] if message.durable else message.args,
        kwargs={} if message.durable else message.kwargs,
        queue_name=message.queue_name,
        backend=message.backend,
        priority=message.priority,
        enqueued_at=message.enqueued_at,
        run_after=message.run_after,
        expires_at=message.expires_at,
        meta=message.meta,
    )


def _rows(alias: str) -> TaskResultQuerySet:
    return TaskResultQuerySet(TaskResult, using=alias)
