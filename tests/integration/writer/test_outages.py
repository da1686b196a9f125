"""A database outage during a task does not count as a failure of the task."""

import pytest
from django.db import DataError, OperationalError, connection

from taskhub.brokers import get_broker
from taskhub.exceptions import TaskFailed
from taskhub.models import TaskResult
from taskhub.writer import is_outage
from tests import tasks
from tests.connections import cut, statements
from tests.models import Trace
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

without_sqlite = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite has no server"
)


@pytest.mark.parametrize(
    "task", [tasks.fail_as_in_an_outage, tasks.async_fail_as_in_an_outage]
)
@pytest.mark.any_database
def test_a_task_that_an_outage_interrupted_is_run_again(start_node, task):
    """This holds although the task has max_attempts=1."""
    start_node("--processes=1")

    result = task.enqueue("a", 2)

    assert result.get(timeout=60) == 3
    assert (result.row.attempts, result.row.errors) == (3, [])


@pytest.mark.any_database
def test_a_task_group_that_an_outage_interrupted_is_run_again(start_node):
    start_node("--processes=1")

    result = tasks.fail_in_a_task_group_as_in_an_outage.enqueue("a", 2)

    assert result.get(timeout=60) == 2
    assert (result.row.attempts, result.row.errors) == (3, [])


@without_sqlite
@pytest.mark.any_broker
def test_a_task_whose_connection_ended_during_a_query_is_run_again(start_node):
    """This holds although the server works and the task has max_attempts=1."""
    start_node("--processes=1")
    for task in (
        tasks.query_at_first,
        tasks.query_at_first_atomically,
        tasks.async_query_at_first,
    ):
        result = task.enqueue(300)
        for _ in range(2):
            wait_until(lambda: statements("sleep(300)"), "the query")
            for number in statements("sleep(300)"):
                cut(number)

        assert result.get(timeout=60) == 3
        assert (result.row.attempts, result.row.errors) == (3, [])


@without_sqlite
@pytest.mark.any_broker
def test_a_task_that_always_ends_its_own_connection_fails(start_node):
    result = tasks.end_own_connection.enqueue("a")
    start_node("--processes=1")

    with pytest.raises(TaskFailed):
        result.get(timeout=60)

    assert Trace.labels() == ["a"] * 4
    assert (result.row.attempts, len(result.row.errors)) == (4, 1)


@pytest.mark.any_database
def test_a_task_is_not_run_again_after_many_interruptions(start_node, config):
    result = tasks.fail_as_in_an_outage.enqueue("a", 1_000)
    # Pretend that the task was interrupted 200 times.
    many = [f"worker-{number}" for number in range(200)]
    TaskResult.objects.filter(pk=result.id).update(attempts=200, worker_ids=many)
    get_broker(config).join(["default"], "worker-199")
    get_broker(config).reserve(["default"], limit=1, token="worker-199")
    get_broker(config).reclaim(["default"], "worker-199", died=False)
    start_node("--processes=1")

    with pytest.raises(TaskFailed, match="RuntimeError"):
        result.get(timeout=60)
    assert Trace.objects.count() == 1


@pytest.mark.any_database
def test_errors_that_a_task_has_caused_are_no_outage():
    assert not is_outage(ValueError("no"))
    assert not is_outage(DataError("too long"))
    # The database still accepts writes.
    assert not is_outage(OperationalError("deadlock detected"))


@pytest.mark.any_database
def test_a_database_that_accepts_no_connections_is_an_outage(monkeypatch):
    nowhere = "/nowhere/taskhub"
    monkeypatch.setitem(connection.settings_dict, "HOST", nowhere)
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict, "NAME", nowhere)

    wrapped = ValueError("wrapped")
    wrapped.__cause__ = OperationalError("gone")
    assert is_outage(wrapped)
    assert is_outage(ExceptionGroup("two", [ValueError(), wrapped]))
