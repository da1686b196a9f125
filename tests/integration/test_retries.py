"""Tasks that fail and are tried again, by real workers."""

import signal
from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub.brokers import get_broker
from taskhub.models import Status, TaskResult
from tests import tasks
from tests.models import Trace
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def run(start_node, *results):
    """Have a node run until all of these have finished."""
    node = start_node("--processes=1")
    for result in results:
        wait_until(lambda result=result: result.row.is_finished, result.task.name)
    assert node.stop() == 0
    return node


def classes(row: TaskResult) -> list[str]:
    return [error["exception_class_path"].split(".")[-1] for error in row.errors]


def test_a_task_is_tried_again_until_it_succeeds(start_node):
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
    assert "attempt=1 failed, and is tried again in 0:00:00.05" in node.log


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
def test_only_what_is_worth_it_is_tried_again(start_node, kind, attempts):
    result = tasks.fail_with.enqueue("a", kind)

    run(start_node, result)

    assert result.row.attempts == attempts == Trace.objects.count()


def test_a_task_may_ask_for_a_retry(start_node):
    result = tasks.ask_for_a_retry.enqueue("a")

    run(start_node, result)

    row = result.row
    assert row.return_value == 3
    assert [error["message"] for error in row.errors] == ["not ready yet"] * 2


def test_a_backoff_that_fails_ends_the_attempts(start_node):
    result = tasks.broken_backoff.enqueue()

    node = run(start_node, result)

    assert (result.row.status, result.row.attempts) == (Status.FAILED, 1)
    assert "The backoff of tests.tasks.broken_backoff failed." in node.log


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


def test_what_would_expire_meanwhile_is_not_tried_again(start_node):
    variant = tasks.fail_for_an_hour.using(expires_after=timedelta(minutes=10))
    result = variant.enqueue("a")

    run(start_node, result)

    assert (result.row.status, result.row.attempts) == (Status.FAILED, 1)


def test_a_fleeting_task_that_waits_for_a_retry_has_a_row(start_node):
    result = tasks.fleeting_fail_at_first.enqueue("a", 2)
    node = start_node("--processes=1")

    wait_until(
        lambda: TaskResult.objects.successful().filter(pk=result.id).exists(), node.log
    )

    row = TaskResult.objects.get(pk=result.id)
    assert (row.args, row.attempts, row.return_value) == (["a", 2], 3, "done")
    assert node.stop() == 0


def test_a_worker_that_dies_before_it_postpones_leaves_a_row_that_says_when(
    start_node, config
):
    """The commit of a retry, and no word of it to the broker."""
    result = tasks.fail_for_an_hour.enqueue("a")
    dying = start_node("--processes=1", FAULTS="before_settling")
    wait_until(lambda: result.row.errors, "the failure")
    wait_until(lambda: "SIGKILL" in dying.log, "its death")
    dying.send(signal.SIGKILL)

    node = start_node("--processes=1")
    broker = get_broker(config)

    def is_delayed() -> bool:
        return broker.depth("default").delayed == 1

    wait_until(is_delayed, "the message to be postponed")
    wait_until(lambda: "tasks  " in node.log, "the node to be there")
    assert node.stop() == 0
    row = result.row
    assert (row.status, row.attempts, classes(row)) == (Status.READY, 1, ["ValueError"])
    assert Trace.objects.count() == 1
