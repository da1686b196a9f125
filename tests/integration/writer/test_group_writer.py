"""The group writer loses no outcome when the database refuses writes."""

from contextlib import contextmanager
from datetime import UTC, datetime
from threading import current_thread

import pytest
from django.db import OperationalError
from django.db.backends.signals import connection_created

from taskhub.messages import Delivery
from taskhub.models import QuarantinedMessage, Status, TaskMetrics, TaskResult
from taskhub.writer import Attempt, Ended, Outcome, Progress, Quarantined, Tally
from taskhub.writer.thread import group_writer as module
from taskhub.writer.thread.group_writer import GroupWriter
from taskhub.writer.thread.holdings import Holdings
from tests.factories import TaskResultFactory, new_id
from tests.nodes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

TOKEN = "worker-1"
POISON = "a value that is refused"

_READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}


@pytest.fixture
def group_writer(broker, monkeypatch):
    """A group writer that is not started yet, and whose pauses are short."""
    monkeypatch.setattr("taskhub.foundation.backoff._MAX_SECONDS", 0.01)
    faults = []
    writer = GroupWriter(
        broker,
        TOKEN,
        Tally(),
        holdings=Holdings(),
        cancelled=lambda ids: None,
        fail=faults.append,
    )
    yield writer
    assert faults == []


def attempt_for(row):
    return Attempt.first(row.to_message(), TOKEN)


def ended(attempt, value="done"):
    message = attempt.message
    delivery = Delivery(
        id=str(message.id), queue_name=message.queue_name, message=message
    )
    outcome = Outcome(
        attempt=attempt,
        status=Status.SUCCESSFUL,
        finished_at=datetime.now(UTC),
        return_value=value,
    )
    return Ended(delivery, outcome)


def quarantined(body):
    delivery = Delivery(id=str(new_id()), queue_name="default", body=body)
    return Ended(delivery, quarantined=Quarantined(delivery, "It is bad.", TOKEN))


@contextmanager
def every_connection(prepare):
    """Prepare each connection that the group writer opens, and yield their list."""
    opened = []

    def receive(connection, **kwargs):
        if current_thread().name == "group-writer":
            prepare(connection)
            opened.append(connection)

    connection_created.connect(receive)
    try:
        yield opened
    finally:
        connection_created.disconnect(receive)


def refuse_writes(connection):
    with connection.cursor() as cursor:
        cursor.execute(_READ_ONLY[connection.vendor])


def refuse_poison(connection):
    def execute_unless_poisoned(execute, sql, params, many, context):
        if POISON in str(params):
            raise OperationalError("It may pass, or not.")
        return execute(sql, params, many, context)

    connection.execute_wrappers.append(execute_unless_poisoned)


def test_an_outcome_is_kept_while_the_database_is_read_only(group_writer):
    """The old primary is read-only while another server takes over."""
    row = TaskResultFactory()

    with every_connection(refuse_writes) as opened:
        group_writer.start()
        group_writer.put(ended(attempt_for(row)))
        # The writer reconnects after each refusal, often enough to suspect the outcome.
        wait_until(lambda: len(opened) > 12, "refusals")

    assert group_writer.stop()
    row.refresh_from_db()
    assert (row.status, row.return_value) == (Status.SUCCESSFUL, "done")
    assert row.errors == []


def test_an_outcome_is_kept_if_the_database_is_back_right_after_a_refusal(
    group_writer,
):
    """The database then accepts the probe, and the outcome at the next attempt."""
    row = TaskResultFactory()
    refusals = iter(range(module._MIN_REFUSALS))

    def refuse_often(connection):
        if next(refusals, None) is not None:
            refuse_writes(connection)

    with every_connection(refuse_often):
        group_writer.start()
        group_writer.put(ended(attempt_for(row)))
        assert group_writer.stop()

    row.refresh_from_db()
    assert (row.status, row.errors) == (Status.SUCCESSFUL, [])


def test_the_last_metrics_are_kept_while_the_database_refuses_them(group_writer):
    """SQLite refuses writes while another process writes."""
    row = TaskResultFactory()
    refusals = iter(range(3))

    def refuse_numbers(connection):
        def execute(execute, sql, params, many, context):
            if TaskMetrics._meta.db_table in sql and next(refusals, None) is not None:
                raise OperationalError("database is locked")
            return execute(sql, params, many, context)

        connection.execute_wrappers.append(execute)

    with every_connection(refuse_numbers):
        group_writer.start()
        group_writer.put(ended(attempt_for(row)))
        assert group_writer.stop()

    assert next(refusals, None) is None
    assert TaskMetrics.objects.get().successful == 1


def test_only_the_outcome_that_cannot_be_stored_fails(group_writer, caplog):
    rows = TaskResultFactory.create_batch(5)
    for row in rows:
        value = object() if row is rows[2] else "done"
        group_writer.put(ended(attempt_for(row), value))

    group_writer.start()

    assert group_writer.stop()
    assert TaskResult.objects.successful().count() == 4
    bad = TaskResult.objects.failed().get()
    assert bad == rows[2]
    assert bad.errors[0]["exception_class_path"] == "builtins.TypeError"
    # The writer does not wait for the database, which works.
    assert "Cannot write outcomes now" not in caplog.text


def test_an_outcome_that_is_refused_repeatedly_is_replaced_by_a_failure(group_writer):
    rows = TaskResultFactory.create_batch(3)
    for row in rows:
        value = POISON if row is rows[1] else "done"
        group_writer.put(ended(attempt_for(row), value))

    with every_connection(refuse_poison):
        group_writer.start()
        wait_until(lambda: not TaskResult.objects.unfinished().exists(), "all of them")
        assert group_writer.stop()

    assert TaskResult.objects.successful().count() == 2
    assert TaskResult.objects.failed().get() == rows[1]


def test_bad_messages_too_large_for_one_packet_are_stored_one_by_one(
    group_writer,
):
    """A packet of MariaDB has at most 16 MB."""
    for _ in range(9):
        group_writer.put(quarantined(bytes(2_000_000)))

    group_writer.start()

    assert group_writer.stop()
    assert QuarantinedMessage.objects.count() == 9


def test_many_progress_reports_of_one_task_do_not_fill_the_writer(group_writer):
    attempt = attempt_for(TaskResultFactory())
    assert not group_writer.is_full

    for number in range(10_000):
        group_writer.report(Progress(attempt, number, 10_000, ""))
    group_writer.write_reports()

    assert not group_writer.is_full
    group_writer.start()
    group_writer.flush()
    row = TaskResult.objects.get()
    assert row.progress["done"] == 9_999
    assert group_writer.stop()


def test_the_last_progress_of_a_task_is_written_with_its_outcome(group_writer):
    attempt = attempt_for(TaskResultFactory())

    group_writer.report(Progress(attempt, 10, 10, "all"))
    group_writer.put(ended(attempt))
    group_writer.start()

    assert group_writer.stop()
    row = TaskResult.objects.get()
    assert (row.status, row.progress["message"]) == (Status.SUCCESSFUL, "all")


def test_metrics_that_are_requested_after_the_end_are_written(group_writer):
    """Another thread requests them every second, also while the writer ends."""
    outcome = ended(attempt_for(TaskResultFactory())).outcome
    group_writer._tally.count([outcome])
    group_writer._incoming.put(None)
    group_writer.write_numbers()

    group_writer.start()
    group_writer._thread.join(30)

    assert TaskMetrics.objects.get().successful == 1
