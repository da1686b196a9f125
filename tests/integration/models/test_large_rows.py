"""Rows that are too large for one statement are written by several statements."""

import tracemalloc
from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub import operations
from taskhub.messages import Delivery
from taskhub.models import QuarantinedMessage, Status, TaskLog, TaskResult
from taskhub.models.ids import new_id
from taskhub.operations.results import Selection
from taskhub.operations.results.exports import export
from taskhub.schedules import every
from taskhub.writer import Attempt, Logged, Outcome, Quarantined
from taskhub.writer.groups import write_group
from tests import tasks
from tests.factories import PeriodicTaskFactory, TaskResultFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_broker]

#: Together more than 16 MiB, MariaDB's default limit for one statement.
LARGE, MANY = "x" * 100_000, 200


@pytest.fixture(autouse=True)
def config(configure):
    """Use the embedded broker; these tests are not about messages."""
    return configure(broker_url="database://")


def large_result(**fields):
    return TaskResultFactory(
        errors=[{"attempt": 1, "message": "", "traceback": LARGE}], **fields
    )


def test_many_large_calls_are_enqueued_at_once():
    tasks.give_back.enqueue_many([(LARGE,)] * MANY)

    assert TaskResult.objects.ready().count() == MANY


def test_many_large_runs_of_a_schedule_are_backfilled_at_once():
    now = timezone.now()
    row = PeriodicTaskFactory(
        task_path="tests.tasks.give_back",
        args=[LARGE],
        schedule=every(minutes=1),
        created_at=now - timedelta(days=1),
    )

    runs = operations.schedules.backfill(row, now - timedelta(minutes=MANY), now)

    assert len(runs) >= MANY


def test_a_group_of_large_outcomes_logs_and_messages_is_written_at_once():
    rows = [TaskResultFactory() for _ in range(MANY)]
    attempts = [Attempt.first(row.to_message(), "worker-1") for row in rows]
    outcomes = [
        Outcome(
            attempt=attempt,
            status=Status.SUCCESSFUL,
            finished_at=timezone.now(),
            return_value=LARGE,
        )
        for attempt in attempts
    ]
    body = LARGE.encode()

    refused = write_group(
        outcomes=outcomes,
        logs=[Logged(new_id(), each, [["", "", "", LARGE]]) for each in attempts],
        quarantined=[
            Quarantined(
                Delivery(id=str(number), queue_name="default", body=body), "bad", "me"
            )
            for number in range(MANY)
        ],
    )

    assert refused == 0
    assert TaskResult.objects.successful().count() == MANY
    assert TaskLog.objects.count() == QuarantinedMessage.objects.count() == MANY


def test_many_large_results_are_cancelled_and_retried_at_once():
    unfinished = [large_result(running=True) for _ in range(MANY)]

    assert operations.results.cancel(TaskResult.objects.all()).running == len(
        unfinished
    )
    assert operations.results.retry(TaskResult.objects.all()) == len(unfinished)


def test_many_large_results_are_exported_with_little_memory():
    TaskResultFactory.create_batch(MANY, args=[LARGE])
    tracemalloc.start()
    try:
        exported = sum(1 for _ in export(Selection()))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert exported == MANY
    assert peak < MANY * len(LARGE) / 2
