"""Nodes and their database: restarts, pools, isolation levels, notifications."""

import pytest
from django.db import connection

from taskhub.brokers import get_broker
from taskhub.models import Status, TaskResult
from tests import tasks
from tests.connections import cut_others, idle_seconds
from tests.models import Trace
from tests.nodes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

without_sqlite = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite has no server"
)
only_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL has this setting"
)
if connection.vendor == "postgresql":
    from psycopg import IsolationLevel


@without_sqlite
@pytest.mark.parametrize(
    "task", [tasks.tell_connection, tasks.async_tell_connection], ids=["sync", "async"]
)
def test_a_database_restart_between_tasks_causes_no_errors(config, start_node, task):
    start_node("--processes=1")
    # The process learns that the tasks are short, and starts many at once.
    for result in task.enqueue_many([()] * 100):
        before = result.get(timeout=30)
    if task.is_async or not get_broker(config).lives_in_rows:
        # With the database broker, the connection is never idle.
        wait_until(lambda: idle_seconds()[before] >= 2, "a pause")

    cut_others()

    for result in task.enqueue_many([()] * 50):
        assert result.get(timeout=30) != before
        assert (result.row.attempts, result.row.errors) == (1, [])


@without_sqlite
def test_an_outcome_is_written_when_the_database_is_back(start_node, gate):
    node = start_node("--processes=1")
    result = tasks.async_wait_for_gate.enqueue("running", gate.path)
    wait_until(lambda: result.row.status == Status.RUNNING, "the task", 30)

    cut_others()
    gate.open()

    assert result.get(timeout=30) == "running"
    assert result.row.attempts == 1
    assert tasks.add.enqueue(1).get(timeout=30) == 1
    assert "CRITICAL" not in node.log


@only_postgres
def test_tasks_do_not_wait_for_the_connections_of_a_pool(start_node, gate):
    node = start_node(
        *("--processes=2", "--threads=8", "--beat"),
        DJANGO_SETTINGS_MODULE="tests.site_settings.pool",
    )
    results = [tasks.hold_connection.enqueue(gate.path) for _ in range(16)]

    wait_until(lambda: Trace.objects.count() == 16, "all of them", 30)
    gate.open()

    for result in results:
        result.get(timeout=30)
    assert len(set(Trace.labels())) == 16
    assert TaskResult.objects.filter(attempts=1).successful().count() == 16
    assert node.stop() == 0
    assert "ERROR" not in node.log


@only_postgres
@pytest.mark.parametrize("level", ["REPEATABLE_READ", "SERIALIZABLE"])
def test_stricter_isolation_levels_cause_no_serialization_errors(drain, level):
    results = tasks.add.enqueue_many([(number,) for number in range(300)])

    log = drain(
        processes=3,
        DJANGO_SETTINGS_MODULE="tests.site_settings.isolated",
        TASKHUB_ISOLATION_LEVEL=str(IsolationLevel[level].value),
    )

    assert [result.get(timeout=1) for result in results] == list(range(300))
    assert "serialize" not in log
    assert not TaskResult.objects.exclude(attempts=1).exists()


@only_postgres
def test_a_busy_process_stops_listening_for_notifications(config, start_node, gate):
    """PostgreSQL would keep all unread notifications until its queue is full."""
    if not get_broker(config).lives_in_rows:
        pytest.skip("Only the database broker listens.")
    start_node("--processes=1", "--threads=1")
    wait_until(_listeners, "the process to listen")
    result = tasks.wait_for_gate.enqueue("busy", gate.path)

    wait_until(lambda: not _listeners(), "it to stop listening")

    gate.open()
    assert result.get(timeout=30) == "busy"
    wait_until(_listeners, "it to listen again")
    assert tasks.add.enqueue(1).get(timeout=30) == 1


def _listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query = 'LISTEN taskhub'"
        )
        return cursor.fetchone()[0]
