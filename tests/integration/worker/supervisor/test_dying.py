"""Nodes whose processes die: no result is lost."""

import os
import signal
import time
from pathlib import Path

import pytest
from django.db import connection, transaction

from taskhub.exceptions import TaskFailed
from taskhub.messages import Depth
from taskhub.models import Status, TaskResult
from tests import tasks
from tests.connections import on_another_connection
from tests.models import Trace
from tests.nodes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def test_a_new_process_runs_the_message_of_a_killed_process(config, start_node, gate):
    node = start_node("--processes=1")
    result = tasks.wait_for_gate.enqueue("victim", gate.path)
    wait_until(lambda: result.row.status == Status.RUNNING, "the task", 30)

    os.kill(Trace.objects.get().pid, signal.SIGKILL)
    gate.open()

    assert result.get(timeout=30) == "victim"
    row = result.row
    assert row.attempts == 2
    assert Trace.labels() == ["victim began", "victim began", "victim ended"]
    assert "ended with signal SIGKILL" in node.log


def test_a_task_that_kills_its_process_three_times_fails(start_node):
    node = start_node("--processes=1")
    neighbours = tasks.add.enqueue_many([(i,) for i in range(20)])
    poison = tasks.kill_process.enqueue()

    with pytest.raises(TaskFailed, match="worker processes died with it"):
        poison.get(timeout=60)

    for result in neighbours:
        assert result.get(timeout=30) is not None
    assert Trace.labels().count("killed") == 3
    # After two deaths the task runs alone, so no neighbour dies a third time.
    assert all(result.row.attempts <= 3 for result in neighbours)
    assert node.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "task"),
    [(["--async-tasks=9"], tasks.async_nap), (["--threads=4"], tasks.nap)],
    ids=["async", "threads"],
)
def test_tasks_beside_one_that_kills_its_process_die_at_most_once(
    start_node, arguments, task
):
    """All die with the process once. After that, each has an exclusive run."""
    start_node("--processes=1", *arguments, TASKHUB_MAX_REDELIVERIES="1")
    neighbours = [task.enqueue(0.3) for _ in range(3)]
    wait_until(lambda: Trace.objects.count() == 3, "the neighbours", 30)

    poison = tasks.kill_process.enqueue()

    with pytest.raises(TaskFailed, match="worker processes died with it"):
        poison.get(timeout=60)
    for result in neighbours:
        result.get(timeout=30)
        assert result.row.attempts <= 2


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite does not lock rows")
@pytest.mark.parametrize("task", [tasks.wait_for_gate, tasks.async_wait_for_gate])
def test_the_outcome_of_an_exclusive_run_is_written_before_the_next_run(
    start_node, gate, task
):
    """Otherwise the next task could kill the process and count as one more death."""
    node = start_node("--processes=1", "--threads=2", TASKHUB_MAX_REDELIVERIES="1")
    alone = task.enqueue("alone", gate.path)
    wait_until(lambda: running([alone], attempt=1), "the task", 30)
    os.kill(node.children()[1], signal.SIGKILL)
    wait_until(lambda: running([alone], attempt=2), "its second run", 30)

    with transaction.atomic():
        TaskResult.objects.select_for_update().get(pk=alone.id)
        on_another_connection(tasks.trace.enqueue, "next")
        gate.open()
        time.sleep(1.5)
        assert "next" not in Trace.labels()

    wait_until(lambda: "next" in Trace.labels(), "the next one", 30)
    assert alone.get(timeout=30) == "alone"


def test_a_task_that_exits_with_code_0_does_not_end_a_drain(drain):
    quiet = tasks.exit_process.enqueue(0)
    others = tasks.add.enqueue_many([(i,) for i in range(5)])

    drain(TASKHUB_MAX_REDELIVERIES="0")

    assert [result.get(timeout=1) for result in others] == list(range(5))
    with pytest.raises(TaskFailed, match="after 1 worker processes died with it"):
        quiet.get(timeout=1)
    assert Trace.labels() == ["exited"]


def test_system_exit_in_an_asyncio_task_does_not_stop_the_event_loop(start_node):
    start_node("--processes=1", "--async-tasks=2")
    before = tasks.async_add.enqueue(1)
    assert before.get(timeout=30) == 1

    bad = tasks.exit_in_child.enqueue()

    with pytest.raises(TaskFailed, match="SystemExit"):
        bad.get(timeout=30)
    after = [tasks.async_add.enqueue(2) for _ in range(3)]
    assert [result.get(timeout=30) for result in after] == [2, 2, 2]
    assert {result.row.worker_ids[0] for result in after} == {before.row.worker_ids[0]}


def test_messages_of_a_dead_node_run_elsewhere_when_its_lease_ends(
    configure, start_node, gate, config
):
    result = tasks.wait_for_gate.enqueue("victim", gate.path)
    short = {"TASKHUB_LEASE_SECONDS": "1"}
    dead = start_node("--processes=1", **short)
    wait_until(lambda: result.row.status == Status.RUNNING, "the task", 30)

    dead.signal_session(signal.SIGKILL)
    dead.wait()
    for pid in Trace.objects.values_list("pid", flat=True):
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), "its end")
    gate.open()
    start_node("--processes=1", **short)

    assert result.get(timeout=30) == "victim"
    assert result.row.attempts == 2


def test_worker_processes_stop_when_their_supervisor_is_killed(start_node, gate):
    node = start_node("--processes=2")
    result = tasks.wait_for_gate.enqueue("running", gate.path)
    wait_until(lambda: "running began" in Trace.labels(), "the task", 30)
    children = node.children()

    node.send(signal.SIGKILL)
    node.wait()
    gate.open()

    assert result.get(timeout=30) == "running"
    for pid in children:
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), "the children")


def test_leases_outlive_a_killed_supervisor_until_its_processes_end(
    bench, start_node, gate
):
    node = start_node("--processes=1", TASKHUB_LEASE_SECONDS="1")
    result = tasks.wait_for_gate.enqueue("running", gate.path)
    wait_until(lambda: result.row.status == Status.RUNNING, "the task", 30)
    (token,) = result.row.worker_ids

    node.send(signal.SIGKILL)
    node.wait()

    # A single last round of the steward would renew the lease only once.
    for _ in range(4):
        bench.end_lease(token)
        wait_until(lambda: not bench.broker.silent(["default", "mail"]), "the steward")
    gate.open()
    assert result.get(timeout=30) == "running"
    assert result.row.attempts == 1
    wait_until(lambda: bench.broker.depth("default") == Depth(), "its end")


def test_a_dead_steward_is_replaced(start_node):
    node = start_node("--processes=1")
    tasks.add.enqueue(1).get(timeout=30)
    # Children are listed in the order in which they were started.
    steward, *others = node.children()

    os.kill(steward, signal.SIGKILL)

    wait_until(lambda: "The steward ended with signal SIGKILL" in node.log, "news")
    wait_until(lambda: len(node.children()) == len(others) + 1, "a new steward")
    assert tasks.add.enqueue(1).get(timeout=30) == 1
    assert node.stop() == 0


def test_messages_that_died_once_still_run_in_parallel(start_node, gate):
    """A process may run hundreds of tasks; one death must not make them sequential."""
    results = [tasks.async_wait_for_gate.enqueue(n, gate.path) for n in range(5)]
    node = start_node("--processes=1")
    wait_until(lambda: running(results, attempt=1), "all to be run")
    # The first child is the steward.
    for pid in node.children()[1:]:
        os.kill(pid, signal.SIGKILL)

    wait_until(lambda: running(results, attempt=2), "all to be run again")
    gate.open()

    assert [each.get(timeout=30) for each in results] == list(range(5))


def running(results, *, attempt):
    rows = [each.row for each in results]
    return all((row.status, row.attempts) == (Status.RUNNING, attempt) for row in rows)
