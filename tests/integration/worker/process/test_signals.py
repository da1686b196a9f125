"""Tasks that change signal handlers, timers and signal masks."""

import signal

import pytest

from taskhub.models import Status
from tests import worker_tasks
from tests.models import Trace
from tests.nodes import wait_until
from tests.tasks import sleep_past_timeout, tell_process, wait_for_gate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]

TAKING_OVER = list(worker_tasks.TAKING_OVER)


def test_signal_handling_is_restored_after_each_task(start_node, gate):
    """Then a SIGTERM to all processes of the node still stops it gracefully."""
    node = start_node("--processes=1")
    before = worker_tasks.tell_signals.enqueue().get(timeout=30)
    pid = tell_process.enqueue().get(timeout=30)

    for kind in TAKING_OVER:
        taken = worker_tasks.take_over.enqueue(kind)
        after = worker_tasks.tell_signals.enqueue().get(timeout=30)
        assert taken.get(timeout=30) == pid, kind
        assert after == before, kind

    running = wait_for_gate.enqueue("running", gate.path)
    wait_until(lambda: "running began" in Trace.labels(), "the task", 30)
    node.signal_session(signal.SIGTERM)
    wait_until(lambda: "Stopping" in node.log, "the signal")
    gate.open()
    assert node.wait() == 0, node.log
    assert running.row.status == Status.SUCCESSFUL
    assert (running.row.attempts, running.row.errors) == (1, [])
    assert running.row.worker_ids == taken.row.worker_ids


@pytest.mark.parametrize("threads", [1, 2])
def test_timeouts_work_after_a_task_that_changed_signal_handlers(start_node, threads):
    """A timer that an earlier task has left does not fire."""
    start_node("--processes=1", f"--threads={threads}")
    for kind in ["timer"] if threads > 1 else TAKING_OVER:
        worker_tasks.take_over.enqueue(kind).get(timeout=30)

    slow = sleep_past_timeout.enqueue(1)

    wait_until(lambda: slow.row.is_finished, "the timeout")
    assert slow.row.errors[-1]["exception_class_path"].endswith("TaskTimeout")
    assert slow.row.attempts == 1


@pytest.mark.parametrize("kind", ["asyncio", "default", "ignore", "mask"])
def test_a_stop_is_graceful_while_a_task_has_changed_the_signals(
    start_node, gate, kind
):
    node = start_node("--processes=1")
    result = worker_tasks.take_over.enqueue(kind, gate.path)
    wait_until(lambda: f"{kind} taken" in Trace.labels(), "the task", 30)

    node.send(signal.SIGTERM)
    wait_until(lambda: "Stopping" in node.log, "the signal")
    gate.open()

    assert node.wait() == 0, node.log
    assert "Killing" not in node.log
    assert (result.row.status, result.row.attempts) == (Status.SUCCESSFUL, 1)


def test_a_second_stop_is_immediate_while_a_task_ignores_signals(start_node, gate):
    node = start_node("--processes=1")
    worker_tasks.take_over.enqueue("ignore", gate.path)
    wait_until(lambda: "ignore taken" in Trace.labels(), "the task", 30)

    node.send(signal.SIGTERM)
    wait_until(lambda: "Stopping;" in node.log, "the signal")
    node.send(signal.SIGQUIT)

    assert node.wait() == 1
    assert "Killing" not in node.log
