"""taskhub's own signals, and failures that a task expects."""

import os
import signal

import pytest

from taskhub import operations, signals
from taskhub.models import Status, TaskResult
from tests import tasks, worker_tasks
from tests.models import Trace
from tests.nodes import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]


def finish(start_node, result, **environment):
    """Run a node until a result is finished, and return the node's log."""
    node = start_node("--processes=1", **environment)
    wait_until(lambda: result.row.is_finished, "the task")
    assert node.stop() == 0
    return node.log


def test_each_retry_is_told_with_its_error_and_its_pause(start_node):
    result = worker_tasks.expects.enqueue("value")

    finish(start_node, result, NOTE_SIGNALS="yes")

    told = [each for each in Trace.labels() if each.startswith("retried")]
    assert told == [
        f"retried {result.id} READY ValueError('as expected') 0:00:00",
    ]
    assert result.row.attempts == 2


def test_a_node_tells_its_start_and_its_end_once(start_node):
    node = start_node("--processes=1", "--queues=mail,default", NOTE_SIGNALS="yes")
    wait_until(lambda: Trace.objects.count() == 1, "the start of the node")
    # The supervisor's first child is the steward. Another one replaces it.
    os.kill(node.children()[0], signal.SIGKILL)
    wait_until(lambda: "The steward ended" in node.log, "the death")
    result = tasks.add.enqueue(1)
    wait_until(lambda: result.row.is_finished, "the task")

    assert node.stop() == 0

    (start, end) = (each.split() for each in Trace.labels())
    assert start[1] == "started"
    assert end == ["node", "ending", start[2], "mail,default"]


def test_whoever_cancels_tells_it_with_the_reason(config):
    told = []

    def note(sender, task_result, reason, **kwargs):
        told.append((task_result.id, task_result.status, reason))

    result = tasks.add.enqueue(1)
    signals.task_cancelled.connect(note)
    try:
        operations.results.cancel(TaskResult.objects.all(), reason="Not needed.")
        # Cancelled results are not cancelled again.
        operations.results.cancel(TaskResult.objects.all())
    finally:
        signals.task_cancelled.disconnect(note)

    assert told == [(result.id, "FAILED", "Not needed.")]


def test_a_receiver_that_raises_changes_nothing(config, caplog):
    def fail(**kwargs):
        raise RuntimeError("The receiver fails.")

    tasks.add.enqueue(1)
    signals.task_cancelled.connect(fail)
    try:
        operations.results.cancel(TaskResult.objects.all())
    finally:
        signals.task_cancelled.disconnect(fail)

    assert TaskResult.objects.get().status == Status.CANCELLED


@pytest.mark.parametrize(
    ("kinds", "is_expected"),
    [
        (["permission"], True),
        (["permission", "permission"], True),
        (["value"], False),
        (["permission", "value"], False),
    ],
)
def test_an_expected_failure_is_no_error_in_the_log(start_node, kinds, is_expected):
    result = worker_tasks.expects.enqueue(*kinds)

    log = finish(start_node, result)

    row = result.row
    assert (row.status, row.attempts) == (Status.FAILED, 2)
    assert "as expected" in row.errors[-1]["traceback"]
    (told,) = (line for line in log.splitlines() if "state=FAILED" in line)
    assert (" INFO " in told) is is_expected
    assert (" ERROR " in told) is not is_expected
    assert ("Traceback" in log) is not is_expected
    assert ("state=FAILED: " in told) is is_expected


def test_a_task_has_the_name_that_it_was_given(start_node):
    result = worker_tasks.expects.enqueue("value")

    finish(start_node, result)

    assert result.row.task_path == "shop.expects"
    assert TaskResult.objects.for_task(worker_tasks.expects).get() == result.row
    assert worker_tasks.expects.get_result(result.id).id == result.id
