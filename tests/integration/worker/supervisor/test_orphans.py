"""Processes that tasks have started end with their worker process."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests import worker_tasks
from tests.models import Trace
from tests.nodes import wait_until
from tests.tasks import tell_process, wait_for_gate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.any_broker,
]


@pytest.fixture
def daemon():
    """A list for the pids of daemons that a task starts in their own session."""
    pids = []
    yield pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_for_end(pids):
    wait_until(lambda: not [pid for pid in pids if is_alive(pid)], "their end")


def test_the_processes_of_tasks_end_when_their_worker_is_replaced(
    start_node, daemon, tmp_path
):
    """The exit hooks of the worker process run; hooks that hang are abandoned."""
    note = tmp_path / "hook"
    node = start_node("--processes=1", "--tasks-per-process=1")
    started = worker_tasks.start_processes.enqueue(str(note)).get(timeout=30)
    daemon.append(started.pop("daemon"))
    assert len(started) == 5

    # A new worker process has replaced the first.
    assert tell_process.enqueue().get(timeout=30) != started["worker"]
    wait_for_end(started.values())

    assert note.read_text() == str(started["worker"])
    assert is_alive(daemon[0])
    assert node.stop() == 0
    assert "Killing" not in node.log


@pytest.mark.parametrize("how", ["stop", "grace", "killed", "supervisor"])
def test_the_processes_of_tasks_end_with_their_worker(
    start_node, daemon, tmp_path, gate, how
):
    node = start_node("--processes=1", "--grace=3")
    started = worker_tasks.start_processes.enqueue(str(tmp_path / "hook")).get(30)
    daemon.append(started.pop("daemon"))
    if how == "grace":
        wait_for_gate.enqueue("running", gate.path)
        wait_until(lambda: "running began" in Trace.labels(), "the task", 30)

    if how == "killed":
        os.kill(started["worker"], signal.SIGKILL)
    elif how == "supervisor":
        node.send(signal.SIGKILL)
    else:
        assert node.stop() == 0

    wait_for_end(started.values())
    assert is_alive(daemon[0])


def test_a_program_ends_when_its_task_passes_its_hard_limit(start_node):
    result = worker_tasks.run_program_past_hard_limit.enqueue()
    start_node("--processes=1")
    wait_until(lambda: result.row.is_finished, "the limit")

    wait_for_end(Trace.objects.values_list("pid", flat=True))


def test_a_signal_to_the_process_group_of_a_node_spares_programs(start_node, gate):
    """Ctrl-C and some service managers send such a signal."""
    node = start_node("--processes=1")
    result = worker_tasks.run_program.enqueue(gate.path)
    wait_until(lambda: "program" in Trace.labels(), "the task", 30)

    os.killpg(node.process.pid, signal.SIGINT)
    wait_until(lambda: "Stopping" in node.log, "the signal")
    gate.open()

    assert node.wait() == 0
    assert result.get(timeout=1) == 0
