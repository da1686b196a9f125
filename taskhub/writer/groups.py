"""Groups of everything that a worker writes, each in one transaction."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Q

from taskhub.db import again_after_deadlock
from taskhub.foundation.values import escape_text, show_foreign
from taskhub.models import QuarantinedMessage, Status, TaskLog, TaskMetrics, TaskResult
from taskhub.models.base import results_database
from taskhub.models.batches import batches_of
from taskhub.models.queues import MAX_BODY_BYTES
from taskhub.writer.attempts import Attempt, Logged, Outcome, Progress, Quarantined
from taskhub.writer.given_back import GivenBack, write_given_back
from taskhub.writer.outcomes import write_outcomes
from taskhub.writer.tally import Tally, write_metrics


@again_after_deadlock(results_database)
def write_group(
    *,
    outcomes: Sequence[Outcome] = (),
    quarantined: Collection[Quarantined] = (),
    running: Collection[Attempt] = (),
    given_back: Collection[GivenBack] = (),
    progress: Collection[Progress] = (),
    logs: Collection[Logged] = (),
    metrics: Collection[TaskMetrics] = (),
    tally: Tally | None = None,
    in_rows: bool = False,
) -> int:
    """
    Write a group in one transaction.

    Count the committed outcomes in `tally`. `in_rows` says that the rows are the
    messages, too, so that writing a retry also puts it back into its queue.

    Return how many outcomes were refused by the fence.
    """
    if not (quarantined or running or given_back or progress or logs or metrics):
        return write_outcomes(outcomes, in_rows=in_rows, tally=tally)
    with transaction.atomic(using=results_database()):
        mark_running(running)
        # After the marks, since a group may both mark an attempt and give it back.
        write_given_back(given_back)
        write_progress(progress)
        quarantine(quarantined)
        write_logs(logs)
        write_metrics(metrics)
        return write_outcomes(outcomes, in_rows=in_rows, tally=tally)


def mark_running(attempts: Iterable[Attempt]) -> None:
    """Write that attempts are running, into rows that no attempt owns yet."""
    for attempt in attempts:
        TaskResult.writing.filter(
            pk=attempt.message.id, status=Status.READY, attempts=0
        ).update(
            status=Status.RUNNING,
            attempts=attempt.number,
            worker_ids=attempt.worker_ids,
            started_at=attempt.first_started_at,
            last_attempted_at=attempt.started_at,
        )


def write_progress(reports: Iterable[Progress]) -> None:
    """Write progress into unfinished rows that no other attempt owns."""
    for report in reports:
        attempt = report.attempt
        own = Q(attempts=0) | Q(attempts=attempt.number, worker_ids=attempt.worker_ids)
        TaskResult.writing.unfinished().filter(own, pk=attempt.message.id).update(
            progress={
                "done": report.done,
                "total": report.total,
                "message": escape_text(report.message),
                "at": report.at.isoformat(),
            }
        )


def write_logs(logged: Iterable[Logged]) -> None:
    """Write what tasks have logged, even if another attempt owns the row by now."""
    rows = (
        TaskLog(
            id=each.id,
            result_id=each.attempt.message.id,
            attempt=each.attempt.number,
            lines=each.lines,
        )
        for each in logged
    )
    for batch in batches_of(rows):
        TaskLog.writing.bulk_create(batch)


def quarantine(messages: Collection[Quarantined]) -> None:
    if not messages:
        return
    now = datetime.now(UTC)
    rows = (
        QuarantinedMessage(
            message_id=show_foreign(each.delivery.id),
            queue_name=each.delivery.queue_name,
            reason=escape_text(each.reason),
            body=each.delivery.body[:MAX_BODY_BYTES],
            worker_id=each.worker_id,
            quarantined_at=now,
        )
        for each in messages
    )
    for batch in batches_of(rows):
        QuarantinedMessage.writing.bulk_create(batch)
