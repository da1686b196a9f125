"""Cancelling and retrying results, with real worker processes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.exceptions import TaskCancelled
from taskhub.models import Status, TaskResult
from taskhub.models.results.querysets import TaskResultQuerySet
from tests import tasks
from tests.factories import TaskResultFactory
from tests.models import Trace
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def those(*results) -> TaskResultQuerySet:
    return TaskResult.objects.filter(pk__in=[result.id for result in results])


def has_left(label: str) -> bool:
    return Trace.objects.filter(label=label).exists()


def wait_for_trace(label: str) -> None:
    wait_until(lambda: has_left(label), label)


# Cancelling.


@pytest.mark.parametrize(
    "task", [tasks.run_until_cancelled, tasks.async_run_until_cancelled]
)
def test_a_running_task_notices_that_it_was_cancelled(start_node, task):
    result = task.enqueue("it")
    node = start_node("--processes=1")
    wait_for_trace("it began")

    assert operations.results.cancel(those(result)).running == 1

    wait_for_trace("it saw it")
    row = result.row
    assert row.status == Status.CANCELLED
    with pytest.raises(TaskCancelled, match="It was cancelled"):
        row.get()
    # The process continues with other tasks.
    assert tasks.add.enqueue(1, 2).get(timeout=30) == 3
    assert node.stop() == 0


def test_cancelling_by_force_replaces_the_process(start_node):
    result = tasks.run_regardless.enqueue("it")
    node = start_node("--processes=1")
    wait_for_trace("it began")
    first = Trace.objects.get().pid

    operations.results.cancel(those(result), by_force=True)

    after = tasks.tell_process.enqueue()
    assert after.get(timeout=60) != first
    assert result.row.status == Status.CANCELLED
    assert node.stop() == 0


def test_cancelled_results_are_not_run_by_a_node_that_starts_later(start_node, config):
    waiting = tasks.trace.enqueue("never")
    delayed = tasks.trace.using(run_after=timedelta(hours=1)).enqueue("never")

    cancelled = operations.results.cancel(those(waiting, delayed))

    assert (cancelled.waiting, cancelled.running) == (2, 0)
    start_node("--processes=1", "--drain").wait()
    assert not Trace.objects.exists()
    depth = get_broker(config).depth("default")
    assert (depth.ready, depth.delayed) == (0, 0)


def test_finished_results_are_not_cancelled():
    row = TaskResultFactory(successful=True)

    cancelled = operations.results.cancel(TaskResult.objects.all())

    assert (cancelled.waiting, cancelled.running) == (0, 0)
    row.refresh_from_db()
    assert row.status == Status.SUCCESSFUL


# Retrying.


def test_a_manual_retry_continues_the_count_of_attempts(start_node):
    result = tasks.fail_at_first.enqueue("a", 4)
    start_node("--processes=1")
    wait_until(lambda: result.row.is_finished, "the failure")
    assert result.row.attempts == 3

    assert operations.results.retry(TaskResult.objects.failed()) == 1

    assert result.get(timeout=60) == 5
    row = result.row
    assert (row.attempts, row.cause) == (5, "")
    assert [bool(error.get("before_retry")) for error in row.errors] == [
        True,
        True,
        True,
        False,
    ]


def test_cancelled_and_expired_results_can_be_retried(start_node):
    expired = tasks.trace.using(expires_after=timedelta(0)).enqueue("expired")
    cancelled = tasks.trace.enqueue("cancelled")
    operations.results.cancel(those(cancelled))
    start_node("--processes=1")
    wait_until(lambda: expired.row.is_finished, "its expiry")

    assert operations.results.retry(TaskResult.objects.cancelled()) == 2

    for result in (expired, cancelled):
        result.get(timeout=60)
    assert set(Trace.objects.values_list("label", flat=True)) == {
        "expired",
        "cancelled",
    }


def test_unfinished_results_are_not_retried(config):
    tasks.add.enqueue(1)

    assert operations.results.retry(TaskResult.objects.all()) == 0


def test_many_retries_are_spread_over_time(config):
    rows = [TaskResultFactory(failed=True) for _ in range(10)]

    assert operations.results.retry(TaskResult.objects.all(), per_second=2) == 10

    due = [TaskResult.objects.get(pk=row.pk).run_after for row in rows]
    assert due == sorted(due)
    assert due[-1] - due[0] == timedelta(seconds=4.5)
    depth = get_broker(config).depth("default")
    assert depth.ready + depth.delayed == 10
    assert depth.delayed >= 8
    assert max(due) > timezone.now()


# Relations.


def test_a_result_that_a_task_enqueues_is_its_child(drain):
    parent = tasks.enqueue_more.enqueue(2)

    drain()

    children = TaskResult.objects.filter(parent_id=parent.id)
    assert children.count() == 2
    assert parent.row.parent_id is None


def test_the_same_failure_has_the_same_cause(drain):
    tasks.fail.enqueue("one thing")
    tasks.fail.enqueue("another thing")
    tasks.fail_oddly.enqueue()

    drain()

    causes = list(TaskResult.objects.failed().values_list("cause", flat=True))
    assert len(causes) == 3
    assert len(set(causes)) == 2
    row = TaskResult.objects.failed().first()
    assert "tests/tasks.py" in row.errors[-1]["place"]
