"""What is written, in groups and through the fence."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from taskhub.deadlocks import again_after_deadlock
from taskhub.messages import Returned
from taskhub.models import (
    Lease,
    Place,
    QuarantinedMessage,
    Status,
    TaskLog,
    TaskMetrics,
    TaskResult,
)
from taskhub.models.queues import MOST_OF_A_BODY
from taskhub.models.results import CANCELLED, results_database
from taskhub.models.slices import EndedSlice, ReturnedSlice
from taskhub.values import escape_text
from taskhub.writer.attempts import Attempt, Logged, Outcome, Progress, Quarantined
from taskhub.writer.rows import new_row, rows_in
from taskhub.writer.tally import Tally, write_metrics

#: Of so many bulk actions a row tells: what is retried each night is not to grow.
_MOST_NOTED = 50


def write_group(
    *,
    outcomes: Collection[Outcome],
    quarantined: Collection[Quarantined],
    running: Iterable[Attempt],
    progress: Iterable[Progress],
    logs: Iterable[Logged] = (),
    metrics: Collection[TaskMetrics] = (),
    tally: Tally | None = None,
    in_rows: bool = False,
) -> int:
    """
    Write all that has come together, in one transaction.

    What of it is committed is counted in `tally`. `in_rows` says that the rows are the
    messages, too: what is to be tried again is back in line with that. Return how many
    outcomes were refused by the fence.
    """
    with transaction.atomic(using=results_database()):
        mark_running(running)
        write_progress(progress)
        quarantine(quarantined)
        write_logs(logs)
        write_metrics(metrics)
        return write_outcomes(outcomes, in_rows=in_rows, tally=tally)


def mark_running(attempts: Iterable[Attempt]) -> None:
    """Write that attempts are under way: those that last long enough to be seen."""
    alias = results_database()
    for attempt in attempts:
        rows_in(alias).filter(
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
        rows_in(alias).unfinished().filter(own, pk=attempt.message.id).update(
            progress={
                "done": report.done,
                "total": report.total,
                "message": escape_text(report.message),
            }
        )


def write_logs(logged: Iterable[Logged]) -> None:
    """Write what tasks have logged; also of an attempt that is overtaken by now."""
    TaskLog.objects.using(results_database()).bulk_create(
        TaskLog(
            id=each.id,
            result_id=each.attempt.message.id,
            attempt=each.attempt.number,
            lines=each.lines,
        )
        for each in logged
    )


def write_outcomes(
    outcomes: Collection[Outcome],
    *,
    in_rows: bool = False,
    tally: Tally | None = None,
) -> int:
    """
    Write how attempts ended, in one transaction, through the fence; see write_group().

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
            rows_in(alias).filter(pk__in=gone).delete()
        kept = [each for each in admitted if each.is_kept]
        _write_plain([each for each in kept if _is_plain(each)], alias, in_rows=in_rows)
        others = [each for each in kept if not _is_plain(each)]
        if others:
            rows = [_ended_row(each, in_rows=in_rows) for each in others]
            _upsert(rows_in(alias), rows, _ENDING_FIELDS)
        if tally is not None:
            transaction.on_commit(partial(tally.count, admitted), using=alias)
    return len(outcomes) - len(admitted)


@again_after_deadlock(results_database)
def write_cancelled(
    pks: Collection[UUID],
    reason: str,
    *,
    by_force: bool = False,
    bulk_action: UUID | None = None,
) -> set[UUID]:
    """
    Write that results were cancelled, those of them that are unfinished.

    Return their ids. An attempt that is under way writes nothing any more; its worker
    finds out within two seconds, and `by_force` replaces the process that runs it.
    """
    alias = results_database()
    now = datetime.now(UTC)
    entry = {
        "failed_at": now.isoformat(),
        "exception_class_path": CANCELLED,
        "message": escape_text(reason),
        "traceback": "",
        "by_force": by_force,
    }
    with transaction.atomic(using=alias):
        rows = list(
            rows_in(alias)
            .unfinished()
            .filter(pk__in=pks)
            .order_by("pk")
            .select_for_update()
            .only(
                "pk",
                "attempts",
                "errors",
                "task_path",
                "queue_name",
                "bulk_action_ids",
            )
        )
        tally = Tally()
        for row in rows:
            tally.count_cancelled(row.task_path, row.queue_name)
            row.status, row.finished_at = Status.CANCELLED, now
            row.errors = [*row.errors, {"attempt": row.attempts, **entry}]
            row.place, row.held_by = Place.NOWHERE, ""
        rows_in(alias).bulk_update(
            rows,
            [
                "status",
                "finished_at",
                "errors",
                "place",
                "held_by",
                *_note(bulk_action, rows),
            ],
        )
        write_metrics(tally.take())
    return {row.pk for row in rows}


@again_after_deadlock(results_database)
def write_retried(
    due_times: Mapping[UUID, datetime | None], *, bulk_action: UUID | None = None
) -> list[TaskResult]:
    """
    Write that finished results are to be tried again, each at once or when it says.

    Return their rows, as they are now: those of them that are finished.
    """
    alias = results_database()
    with transaction.atomic(using=alias):
        rows = list(
            rows_in(alias)
            .finished()
            .filter(pk__in=due_times)
            .order_by("pk")
            .select_for_update()
        )
        for row in rows:
            row.status, row.finished_at, row.cause = Status.READY, None, ""
            row.run_after, row.expires_at = due_times[row.pk], None
            row.return_value, row.storage_notes = None, {}
            # Its task's attempts are its own again; what was before is only told.
            row.errors = [entry | {"before_retry": True} for entry in row.errors]
            row.place = Place.NOWHERE
        rows_in(alias).bulk_update(
            rows,
            [
                "status",
                "finished_at",
                "cause",
                "run_after",
                "expires_at",
                "return_value",
                "storage_notes",
                "errors",
                "place",
                *_note(bulk_action, rows),
            ],
            batch_size=100,
        )
    return rows


def _note(bulk_action: UUID | None, rows: Iterable[TaskResult]) -> list[str]:
    """Note in rows which bulk action deals with them; return the columns of that."""
    if bulk_action is None:
        return []
    for row in rows:
        # A batch is done once more if its steward died with it.
        others = [
            each for each in row.bulk_action_ids or [] if each != str(bulk_action)
        ]
        row.bulk_action_ids = [*others, str(bulk_action)][-_MOST_NOTED:]
    return ["bulk_action_ids"]


def read_cancelled(pks: Collection[UUID]) -> dict[UUID, bool]:
    """Return which of these results were cancelled, and whether by force."""
    rows = rows_in(results_database()).cancelled().filter(pk__in=pks)
    return {
        pk: bool(errors and errors[-1].get("by_force"))
        for pk, errors in rows.values_list("pk", "errors")
    }


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
            body=each.delivery.body[:MOST_OF_A_BODY],
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
    locked: dict[UUID, int] = dict(
        rows_in(alias)
        .unfinished()
        .filter(pk__in=by_id)
        .order_by("pk")
        .select_for_update()
        .values_list("pk", "attempts")
    )
    # Most rows belong to nobody yet; of the others, it is asked to whom.
    claimed = [pk for pk, attempts in locked.items() if attempts]
    owners = dict(
        rows_in(alias).filter(pk__in=claimed).values_list("pk", "worker_ids")
        if claimed
        else ()
    )
    rowless = [
        pk
        for pk, outcome in by_id.items()
        if pk not in locked and not outcome.attempt.message.durable
    ]
    if rowless:
        finished = set(rows_in(alias).filter(pk__in=rowless).ids())
        locked |= {pk: 0 for pk in rowless if pk not in finished}
    return [
        outcome
        for outcome in outcomes
        if (pk := outcome.attempt.message.id) in locked
        and _belongs_to(outcome.attempt, locked[pk], owners.get(pk, []))
    ]


def _belongs_to(attempt: Attempt, attempts: int, worker_ids: list[str]) -> bool:
    unclaimed = attempts == 0
    return unclaimed or (
        attempts == attempt.number and worker_ids[-1:] == [attempt.worker_id]
    )


def _is_plain(outcome: Outcome) -> bool:
    """Whether nothing happened but what happens to most: a slice of a row says it."""
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
    # One statement for a whole group. The rows exist and are locked, so that only the
    # fields named here are written; those of tasks that are not durable are inserted.
    features = connections[table.db].features
    table.bulk_create(
        rows,
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
    if outcome.retry_at is None:
        row.finished_at = outcome.finished_at
    else:
        # By the database's clock: others look at it, whose clocks may differ.
        row.run_after = Now() + (outcome.retry_at - datetime.now(UTC))
        if in_rows:
            row.place = Place.DELAYED
            row.returned = Returned(attempt.worker_id, died=False).text
    if outcome.was_started:
        row.attempts = attempt.number
        row.worker_ids = attempt.worker_ids
        row.started_at = attempt.first_started_at
        row.last_attempted_at = attempt.started_at
    return row
