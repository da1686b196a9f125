"""Tasks that fail and are retried by real worker processes."""

import signal
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.models import Status, TaskResult
from tests import tasks
from tests.models import Trace
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def run(start_node, *results):
    """Run a node until all these results have finished."""
    node = start_node("--processes=1")
    for result in results:
        wait_until(lambda result=result: result.row.is_finished, result.task.name)
    assert node.stop() == 0
    return node


def classes(row: TaskResult) -> list[str]:
    return [error["exception_class_path"].split(".")[-1] for error in row.errors]


def test_a_task_is_retried_until_it_succeeds(start_node):
    results = [
        tasks.fail_at_first.enqueue("sync", 2),
        tasks.async_fail_at_first.enqueue("async", 2),
    ]

    node = run(start_node, *results)

    for result in results:
        row = result.row
        assert (row.status, row.return_value) == (Status.SUCCESSFUL, 3)
        assert (row.attempts, len(row.worker_ids)) == (3, 3)
        assert classes(row) == ["ConnectionError", "ConnectionError"]
        assert [error["attempt"] for error in row.errors] == [1, 2]
        assert result.get() == 3
    assert "attempt=1 failed; retrying in 0:00:00.05" in node.log


def test_a_task_fails_when_it_has_no_attempt_left(start_node):
    result = tasks.fail_at_first.enqueue("a", 99)

    run(start_node, result)

    row = result.row
    assert (row.status, row.attempts) == (Status.FAILED, 3)
    assert classes(row) == ["ConnectionError"] * 3
    assert "Traceback" in row.errors[0]["traceback"]
    assert Trace.objects.count() == 3


@pytest.mark.parametrize(
    ("kind", "attempts"), [("value", 1), ("missing", 1), ("os", 9)]
)
def test_retry_on_and_give_up_on_decide_which_errors_are_retried(
    start_node, kind, attempts
):
    result = tasks.fail_with.enqueue("a", kind)

    run(start_node, result)

    assert result.row.attempts == attempts == Trace.objects.count()


def pauses(node, task) -> list[str]:
    """The pauses before the retries of a task, as the node has logged them."""
    told = f"path={task.module_path} attempt="
    return [
        line.partition("retrying in ")[2].partition(": ")[0]
        for line in node.log.splitlines()
        if told in line and "retrying in" in line
    ]


def test_the_pauses_of_an_exponential_backoff_grow(start_node):
    result = tasks.tell_failures_at_last.enqueue()

    node = run(start_node, result)

    told = pauses(node, result.task)
    assert told == ["0:00:00.100000", "0:00:00.300000", "0:00:00.900000"]
    row = result.row
    ends = [datetime.fromisoformat(error["failed_at"]) for error in row.errors]
    begins = [datetime.fromisoformat(error["started_at"]) for error in row.errors]
    waits = [
        (begin - end).total_seconds()
        for end, begin in zip(ends, [*begins[1:], row.last_attempted_at], strict=True)
    ]
    for wait, pause in zip(waits, [0.1, 0.3, 0.9], strict=True):
        assert wait >= pause * 0.9


def test_a_context_has_the_failures_of_earlier_attempts(start_node):
    result = tasks.tell_failures_at_last.enqueue()

    run(start_node, result)

    assert result.row.return_value == {
        "failures": 3,
        "errors": ["builtins.ConnectionError"] * 3,
        "messages": [True] * 3,
    }


def test_the_default_backoff_grows(start_node):
    result = tasks.fail_with_the_default_backoff.enqueue()
    node = start_node("--processes=1")

    wait_until(lambda: len(pauses(node, result.task)) == 2, "the second failure")

    first, second = (float(each[5:]) for each in pauses(node, result.task))
    assert 1 <= first <= 2 <= second <= 4
    assert node.stop() == 0


def test_a_callable_backoff_gets_one_error_for_each_failure(start_node):
    result = tasks.fail_with_a_backoff_that_counts.enqueue()

    node = run(start_node, result)

    assert pauses(node, result.task) == ["0:00:00.125000", "0:00:00.250000"]


def test_the_backoff_starts_again_after_a_manual_retry(start_node):
    result = tasks.fail_twice.enqueue()
    node = start_node("--processes=1")
    wait_until(lambda: result.row.is_finished, "the first two attempts")

    operations.results.retry(TaskResult.objects.filter(pk=result.id))
    wait_until(lambda: len(result.row.errors) == 4, "two attempts more")

    assert pauses(node, result.task) == ["0:00:00.250000"] * 2
    assert node.stop() == 0


def test_a_task_may_request_a_retry_at_once(start_node):
    result = tasks.ask_for_a_retry_at_once.enqueue()

    node = run(start_node, result)

    assert result.row.return_value == 3
    assert pauses(node, result.task) == ["0:00:00"] * 2


def test_each_exception_in_a_group_is_considered_for_a_retry(start_node):
    in_groups = tasks.fail_in_a_task_group.enqueue("async")
    worth_it = tasks.fail_with_a_group.enqueue("a", ["value", "os"])
    hopeless = tasks.fail_with_a_group.enqueue("b", ["os", "missing"])
    other = tasks.fail_with_a_group.enqueue("c", ["value"])
    asked = tasks.ask_for_a_retry_in_a_task_group.enqueue()

    run(start_node, in_groups, worth_it, hopeless, other, asked)

    assert in_groups.row.return_value == 2
    assert classes(in_groups.row) == ["ExceptionGroup"]
    assert "ConnectionError: refused" in in_groups.row.errors[0]["message"]
    assert [each.row.attempts for each in (worth_it, hopeless, other)] == [3, 1, 1]
    assert asked.row.return_value == 3


def test_a_task_may_request_a_retry(start_node):
    result = tasks.ask_for_a_retry.enqueue("a")

    run(start_node, result)

    row = result.row
    assert row.return_value == 3
    assert [error["message"] for error in row.errors] == ["not ready yet"] * 2


def test_a_backoff_that_raises_does_not_reduce_the_attempts(start_node):
    result = tasks.broken_backoff.enqueue()

    node = run(start_node, result)

    assert (result.row.status, result.row.attempts) == (Status.FAILED, 2)
    assert "The backoff of tests.tasks.broken_backoff raised" in node.log


def test_a_waiting_retry_is_a_ready_row_and_a_delayed_message(start_node, config):
    result = tasks.fail_for_an_hour.enqueue("a")
    node = start_node("--processes=1")

    wait_until(lambda: result.row.errors, "the first failure")

    row = result.row
    assert (row.status, row.attempts, row.finished_at) == (Status.READY, 1, None)
    assert timedelta(minutes=59) < row.run_after - timezone.now() < timedelta(hours=1)
    broker = get_broker(config)
    wait_until(lambda: broker.depth("default").delayed == 1, "its message")
    assert broker.depth("default").held == 0
    assert node.stop() == 0
    assert TaskResult.objects.ready().get() == row


def test_a_result_that_would_expire_before_its_retry_is_not_retried(start_node):
    variant = tasks.fail_for_an_hour.using(expires_after=timedelta(minutes=10))
    result = variant.enqueue("a")

    run(start_node, result)

    assert (result.row.status, result.row.attempts) == (Status.FAILED, 1)


def test_a_task_that_is_not_durable_is_retried(start_node):
    result = tasks.fleeting_fail_at_first.enqueue("a", 2)
    node = start_node("--processes=1")

    wait_until(
        lambda: TaskResult.objects.successful().filter(pk=result.id).exists(), node.log
    )

    row = TaskResult.objects.get(pk=result.id)
    assert (row.args, row.attempts, row.return_value) == (["a", 2], 3, "done")
    assert node.stop() == 0


def test_a_retry_is_delayed_if_its_worker_dies_right_after_the_commit(
    start_node, config
):
    """The worker had committed the retry, but had not told the broker."""
    result = tasks.fail_for_an_hour.enqueue("a")
    # The process that replaces the dead one may be killed while it holds the message.
    short = {"TASKHUB_LEASE_SECONDS": "2"}
    dying = start_node("--processes=1", FAULTS="before_settling", **short)
    wait_until(lambda: result.row.errors, "the failure")
    wait_until(lambda: "SIGKILL" in dying.log, "its death")
    dying.send(signal.SIGKILL)

    node = start_node("--processes=1", **short)
    broker = get_broker(config)

    def is_delayed() -> bool:
        return broker.depth("default").delayed == 1

    wait_until(is_delayed, "the message to be postponed")
    wait_until(lambda: "tasks  " in node.log, "the node to be there")
    assert node.stop() == 0
    row = result.row
    assert (row.status, row.attempts, classes(row)) == (Status.READY, 1, ["ValueError"])
    assert Trace.objects.count() == 1
