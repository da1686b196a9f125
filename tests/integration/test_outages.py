"""A database that goes away under a task is no failure of the task's."""

import pytest
from django.db import DataError, OperationalError, connection

from taskhub.brokers import get_broker
from taskhub.exceptions import TaskFailed
from taskhub.models import TaskResult
from taskhub.writer import is_outage
from tests import tasks
from tests.models import Trace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@pytest.mark.parametrize(
    "task", [tasks.fail_as_in_an_outage, tasks.async_fail_as_in_an_outage]
)
def test_what_an_outage_has_interrupted_is_run_again(start_node, task):
    """With the only attempt that it has."""
    start_node("--processes=1")

    result = task.enqueue("a", 2)

    assert result.get(timeout=60) == 3
    assert (result.row.attempts, result.row.errors) == (3, [])


def test_what_an_outage_has_interrupted_in_a_task_group_is_run_again(start_node):
    start_node("--processes=1")

    result = tasks.fail_in_a_task_group_as_in_an_outage.enqueue("a", 2)

    assert result.get(timeout=60) == 2
    assert (result.row.attempts, result.row.errors) == (3, [])


def test_it_is_not_run_again_for_ever(start_node, config):
    result = tasks.fail_as_in_an_outage.enqueue("a", 1_000)
    # As if it had been interrupted very often.
    many = [f"worker-{number}" for number in range(200)]
    TaskResult.objects.filter(pk=result.id).update(attempts=200, worker_ids=many)
    get_broker(config).join(["default"], "worker-199")
    get_broker(config).reserve(["default"], limit=1, token="worker-199")
    get_broker(config).reclaim(["default"], "worker-199", died=False)
    start_node("--processes=1")

    with pytest.raises(TaskFailed, match="RuntimeError"):
        result.get(timeout=60)
    assert Trace.objects.count() == 1


def test_what_a_task_has_asked_for_is_no_outage():
    assert not is_outage(ValueError("no"))
    assert not is_outage(DataError("too long"))
    # The database takes writes.
    assert not is_outage(OperationalError("deadlock detected"))


def test_a_database_that_takes_no_connections_is_an_outage(monkeypatch):
    nowhere = "/nowhere/taskhub"
    monkeypatch.setitem(connection.settings_dict, "HOST", nowhere)
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict, "NAME", nowhere)

    wrapped = ValueError("wrapped")
    wrapped.__cause__ = OperationalError("gone")
    assert is_outage(wrapped)
    assert is_outage(ExceptionGroup("two", [ValueError(), wrapped]))
