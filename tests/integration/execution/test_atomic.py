"""Atomic tasks: work and outcome are committed together, exactly once."""

import pytest
from django.db import connection

from taskhub.messages import Depth
from taskhub.models import Status
from tests import tasks
from tests.models import Trace
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_work_is_committed_with_its_outcome(drain):
    result = tasks.trace_atomically.enqueue("a")

    drain()

    row = result.row
    assert (row.status, row.return_value, row.attempts) == (Status.SUCCESSFUL, "a", 1)
    assert Trace.objects.count() == 1


@pytest.mark.parametrize(
    "task", [tasks.trace_atomically, tasks.trace_atomically_for_nothing]
)
def test_the_message_of_an_atomic_task_is_acknowledged(start_node, bench, task):
    """Otherwise the message would be given back as a stranger, and run again."""
    result = task.enqueue("a")
    node = start_node("--processes=1", "--drain")

    assert node.wait(60) == 0

    assert result.row.status == Status.SUCCESSFUL
    assert bench.broker.depth("default") == Depth()


def test_the_work_of_a_failed_task_is_rolled_back(start_node):
    result = tasks.trace_atomically_and_fail.enqueue("a")
    start_node("--processes=1")

    wait_until(lambda: result.row.is_finished, "it")

    row = result.row
    assert (row.status, row.attempts, len(row.errors)) == (Status.FAILED, 2, 2)
    assert not Trace.objects.exists()


@pytest.mark.parametrize(
    "fault", ["before_settling", "before_outcome", "before_commit", "before_body"]
)
def test_the_work_is_done_once_if_processes_are_killed_at_any_step(start_node, fault):
    result = tasks.trace_atomically.enqueue("a")
    # The processes of the node die one after the other, until the node is killed.
    patient = {"TASKHUB_MAX_REDELIVERIES": "20", "TASKHUB_LEASE_SECONDS": "2"}
    dying = start_node("--processes=1", FAULTS=fault, **patient)
    wait_until(lambda: "SIGKILL" in dying.log, "its death")
    dying.kill()

    start_node("--processes=1", **patient)
    assert result.get(timeout=60) == "a"

    assert Trace.objects.count() == 1
    row = result.row
    assert len(row.errors) == row.attempts - 1
    assert (row.attempts == 1) is (fault == "before_settling")


def test_the_work_of_a_zombie_is_rolled_back(start_node, gate):
    """The zombie was frozen past its lease, and another attempt has begun."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    result = tasks.trace_atomically_behind_a_gate.enqueue("zombie", gate.path)
    zombie = start_node("--processes=1", TASKHUB_LEASE_SECONDS="1")
    wait_until(lambda: result.row.status == Status.RUNNING, "it to run")
    # The transaction of the task stays open.
    zombie.freeze(with_transactions=1)

    start_node("--processes=1", TASKHUB_LEASE_SECONDS="1")
    wait_until(lambda: result.row.attempts == 2, "its successor")
    zombie.thaw()
    gate.open()

    wait_until(lambda: result.row.is_finished, "the outcome")
    wait_until(lambda: "another attempt owns the result" in zombie.log, "the zombie")
    assert Trace.objects.count() == 1
    assert result.row.attempts == 2
