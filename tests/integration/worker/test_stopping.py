"""How nodes stop, and what happens to the messages that they hold."""

import signal
import threading

import pytest

from taskhub.brokers import get_broker
from taskhub.messages import Depth
from taskhub.models import Status
from tests import tasks
from tests.models import Trace
from tests.nodes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def test_a_stop_finishes_running_tasks_and_gives_back_the_rest(
    config, start_node, gate
):
    node = start_node("--processes=1")
    running = tasks.wait_for_gate.enqueue("running", gate.path)
    wait_until(lambda: "running began" in Trace.labels(), "the task", 30)
    waiting = tasks.add.enqueue_many([(i,) for i in range(5)])

    node.send(signal.SIGTERM)
    wait_until(lambda: "Stopping" in node.log, "the signal")
    gate.open()

    assert node.wait() == 0
    assert running.get(timeout=1) == "running"
    assert {result.row.status for result in waiting} == {Status.READY}
    assert get_broker(config).depth("default") == Depth(ready=5)
    # The messages were released and not reclaimed, so they do not count as started.
    (delivery, *_) = reserve_all(config)
    assert not delivery.redelivered


def reserve_all(config):
    broker = get_broker(config)
    broker.join(["default"], "test")
    return broker.reserve(["default"], limit=100, token="test")


def test_a_task_that_runs_past_the_grace_period_is_given_back(config, start_node, gate):
    node = start_node("--processes=1", "--grace=0.2")
    result = tasks.wait_for_gate.enqueue("first", gate.path)
    wait_until(lambda: "first began" in Trace.labels(), "the task", 30)

    assert node.stop() == 0
    assert "Leaving tests.tasks.wait_for_gate" in node.log
    assert result.row.status == Status.READY
    assert get_broker(config).depth("default") == Depth(ready=1)

    gate.open()
    start_node("--drain", "--processes=1").wait()
    row = result.row
    assert (row.status, row.attempts, len(row.worker_ids)) == ("SUCCESSFUL", 2, 2)
    # The task did not kill a process, so no death is counted.
    assert row.errors == []
    assert Trace.labels() == ["first began", "first began", "first ended"]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_stops_at_once(config, start_node, gate, first):
    node = start_node("--processes=2")
    tasks.wait_for_gate.enqueue("endless", gate.path)
    wait_until(lambda: "endless began" in Trace.labels(), "the task", 30)

    node.send(first)
    wait_until(lambda: "Stopping;" in node.log, "the signal")
    wait_until(lambda: node.send(first) or "at once;" in node.log, "the second")

    assert node.wait() == 1
    assert get_broker(config).depth("default") == Depth(ready=1)


@pytest.mark.any_broker
def test_the_same_signal_twice_in_quick_succession_counts_once(start_node, gate):
    """`timeout` of coreutils signals its child, and then its process group."""
    node = start_node("--processes=1")
    result = tasks.wait_for_gate.enqueue("running", gate.path)
    wait_until(lambda: "running began" in Trace.labels(), "the task", 30)

    for _ in range(2):
        wait_until(lambda: node.send(signal.SIGTERM) or "Stopping" in node.log, "it")
    gate.open()

    assert node.wait() == 0, node.log
    assert (result.row.status, result.row.attempts) == (Status.SUCCESSFUL, 1)


@pytest.mark.parametrize("arguments", [[], ["--reload"]], ids=["plain", "reload"])
def test_a_signal_to_all_processes_of_a_node_stops_it_gracefully(
    start_node, gate, arguments
):
    """Terminals and systemd send such a signal. Running tasks may still finish."""
    node = start_node("--processes=2", *arguments)
    result = tasks.wait_for_gate.enqueue("running", gate.path)
    wait_until(lambda: "running began" in Trace.labels(), "the task", 30)

    node.signal_session(signal.SIGINT)
    wait_until(lambda: "Stopping" in node.log, "the signal")
    gate.open()

    assert node.wait() == 0
    assert result.get(timeout=1) == "running"
    assert "Traceback" not in node.log


def test_a_signal_to_a_child_right_after_its_fork_does_not_stop_the_node(start_node):
    """The supervisor does not treat the signal of its child as its own."""
    node = start_node(
        "--processes=1", DJANGO_SETTINGS_MODULE="tests.site_settings.signalled"
    )

    assert tasks.add.enqueue(1).get(timeout=30) == 1
    assert "ended with signal SIGTERM" in node.log
    assert "Stopping" not in node.log
    assert node.stop() == 0


def test_an_idle_node_stops_without_killing_its_processes(start_node):
    node = start_node("--processes=2")
    tasks.add.enqueue(1).get(timeout=30)

    assert node.stop() == 0
    assert "Killing" not in node.log


def test_an_idle_node_stops_after_a_series_of_sigchld_signals(start_node):
    node = start_node("--processes=1")
    tasks.add.enqueue(1).get(timeout=30)
    # The signals arrive at different moments of the supervisor's loop.
    threads = [threading.Timer(0.01 * n, node.send, [signal.SIGCHLD]) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert node.stop() == 0
