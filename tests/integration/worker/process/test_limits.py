"""Limits of tasks (time) and of worker processes (tasks and memory)."""

import pytest
from django.db import connection

from taskhub.models import Status, TaskResult
from tests import tasks, worker_tasks
from tests.connections import statements
from tests.models import Trace
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_broker]
any_database = pytest.mark.any_database


def finish(*results):
    for result in results:
        wait_until(lambda result=result: result.row.is_finished, result.task.name)
    return [result.row for result in results]


def last_error(row: TaskResult) -> str:
    return row.errors[-1]["exception_class_path"].split(".")[-1]


# Soft limits.


@any_database
@pytest.mark.parametrize("threads", [1, 2])
def test_a_task_past_its_timeout_is_interrupted(start_node, threads):
    """This interrupts system calls in the main thread, loops and async code."""
    slow = [tasks.loop_past_timeout, tasks.async_sleep_past_timeout]
    if threads == 1:
        slow.append(tasks.sleep_past_timeout)
    results = [task.enqueue() for task in slow]
    node = start_node("--processes=1", f"--threads={threads}")

    rows = finish(*results)

    for row in rows:
        assert (row.status, last_error(row)) == (Status.FAILED, "TaskTimeout")
        assert row.errors[0]["message"] == "It ran past its timeout of 0.3 s."
        assert "past_timeout" in row.errors[0]["traceback"]
    # The same process runs the next task.
    assert tasks.add.enqueue(1, 2).get(timeout=30) == 3
    assert "ended with" not in node.log


@any_database
def test_a_thread_in_a_system_call_is_interrupted_when_it_returns(start_node):
    result = tasks.sleep_past_timeout.enqueue(1)
    start_node("--processes=1", "--threads=2")

    (row,) = finish(result)

    assert last_error(row) == "TaskTimeout"


@any_database
def test_a_task_may_clean_up_after_its_timeout(start_node):
    result = tasks.tidy_up_past_timeout.enqueue("tidied")
    start_node("--processes=1")

    (row,) = finish(result)

    assert (row.status, row.return_value) == (Status.SUCCESSFUL, "tidied up")
    assert Trace.objects.get().label == "tidied"


@any_database
@pytest.mark.parametrize("threads", [1, 2])
def test_a_task_that_catches_all_exceptions_is_interrupted(start_node, threads):
    result = tasks.retry_past_timeout.enqueue(threads > 1)
    start_node("--processes=1", f"--threads={threads}")

    (row,) = finish(result)

    assert (row.status, last_error(row)) == (Status.FAILED, "TaskTimeout")


@any_database
def test_a_task_that_timed_out_is_retried(start_node):
    result = tasks.time_out_and_try_again.enqueue("a")
    start_node("--processes=1")

    (row,) = finish(result)

    assert (row.return_value, row.attempts) == ("in time", 2)


@any_database
def test_short_tasks_after_a_timeout_are_not_interrupted(start_node):
    slow = tasks.sleep_past_timeout.enqueue()
    quick = [tasks.sleep_past_timeout.enqueue(0) for _ in range(50)]
    start_node("--processes=1")

    rows = finish(slow, *quick)

    assert [row.status for row in rows] == [Status.FAILED, *[Status.SUCCESSFUL] * 50]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite cannot sleep")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_timeout_in_a_query_breaks_no_connection_of_other_tasks(start_node, threads):
    # Threads, and drivers other than psycopg, are interrupted when the statement ends.
    seconds = 30 if connection.vendor == "postgresql" and threads == 1 else 1
    culprits = [
        tasks.query_past_timeout,
        tasks.query_past_timeout_in_transaction,
        tasks.async_query_past_timeout,
    ]
    if threads == 1:
        culprits.append(tasks.query_past_alarm)
    victims, failing = [], []
    tidy = tasks.tidy_up_after_query_past_timeout.enqueue(seconds, "tidied")
    for culprit in culprits:
        failing.append(culprit.enqueue(1 if culprit.is_async else seconds))
        victims += tasks.tell_connection.enqueue_many([()] * 3)
        victims += tasks.async_tell_connection.enqueue_many([()] * 3)
    start_node("--processes=1", f"--threads={threads}")

    for row in finish(*failing):
        assert row.status == Status.FAILED
        assert last_error(row) in ("TaskTimeout", "ConnectionError")
    for row in finish(*victims):
        assert (row.status, row.attempts, row.errors) == (Status.SUCCESSFUL, 1, [])
    (row,) = finish(tidy)
    if threads == 1 and connection.vendor == "postgresql":
        assert (row.status, row.return_value) == (Status.SUCCESSFUL, "tidied up")
    wait_until(lambda: not statements("sleep(30"), "statements to be cancelled", 10)


# Hard limits.


@any_database
def test_a_task_past_its_hard_limit_fails_and_its_process_is_replaced(start_node):
    before = tasks.tell_process.enqueue()
    result = tasks.ignore_everything.enqueue()
    node = start_node("--processes=1")

    (row,) = finish(result)

    assert (row.status, row.attempts) == (Status.FAILED, 1)
    assert last_error(row) == "TaskTimeout"
    assert row.errors[0]["message"] == "It ran past its hard_timeout of 0.5 s."
    assert "ignore_everything" in row.errors[0]["traceback"]
    after = tasks.tell_process.enqueue()
    assert after.get(timeout=30) != before.get(timeout=30)
    assert node.stop() == 0


@any_database
def test_tasks_beside_one_past_its_hard_limit_succeed(start_node, gate):
    neighbours = [
        tasks.async_wait_for_gate.enqueue(number, gate.path) for number in range(3)
    ]
    start_node("--processes=1", "--threads=2")
    for each in neighbours:
        wait_until(lambda each=each: each.row.status == Status.RUNNING, "neighbours")
    culprit = tasks.ignore_everything.enqueue()

    finish(culprit)
    gate.open()

    for row in finish(*neighbours):
        assert (row.status, row.errors) == (Status.SUCCESSFUL, [])


@any_database
def test_a_task_that_holds_the_gil_is_killed_with_its_process(start_node):
    result = tasks.keep_the_interpreter.enqueue()
    node = start_node("--processes=1")

    wait_until(lambda: "it is stuck in" in node.log, "the supervisor to notice")

    assert tasks.add.enqueue(1, 2).get(timeout=60) == 3
    wait_until(lambda: result.row.errors, "the death to be told")
    assert last_error(result.row) == "WorkerDied"


# Limits of processes.


@any_database
@pytest.mark.parametrize("task", [tasks.tell_process, worker_tasks.async_tell_process])
def test_a_process_is_replaced_after_its_maximum_number_of_tasks(start_node, task):
    pids = [task.enqueue() for _ in range(10)]
    node = start_node("--processes=1", "--tasks-per-process=4")

    seen = [row.return_value for row in finish(*pids)]

    assert [seen.count(pid) for pid in dict.fromkeys(seen)] == [4, 4, 2]
    assert all(row.attempts == 1 for row in TaskResult.objects.all())
    assert "it has run 4 tasks" in node.log


@any_database
@pytest.mark.parametrize("task", [tasks.grow, worker_tasks.async_grow])
def test_a_process_that_has_grown_is_replaced_after_its_task(start_node, task):
    first = task.enqueue(300)
    node = start_node("--processes=1", "--memory-per-process=256")

    # The process is replaced although no other task waits.
    wait_until(lambda: "it has grown to" in node.log, "the limit")
    second = task.enqueue(1)

    first, second = finish(first, second)
    assert (first.status, second.status) == (Status.SUCCESSFUL, Status.SUCCESSFUL)
    assert first.return_value != second.return_value
