"""What processes still run though nobody waits for it: shown, and ended by force."""

import json
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from taskhub import operations
from taskhub.models import Node, Status, TaskResult
from taskhub.models.results.lingering import Because
from tests import tasks
from tests.factories import NodeFactory, TaskResultFactory, new_id, now
from tests.models import Trace
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def those(*results):
    return TaskResult.objects.filter(pk__in=[result.id for result in results])


def wait_for_trace(label):
    wait_until(lambda: Trace.objects.filter(label=label).exists(), label)
    return Trace.objects.get(label=label).pid


def told():
    """What nodes tell of."""
    return {str(run.id): run for run in operations.results.lingering_runs()}


def wait_until_told(*results):
    ids = {result.id for result in results}
    wait_until(lambda: told().keys() == ids, "the nodes to tell", 30)
    return [told()[result.id] for result in results]


def is_alive(pid):
    return Path(f"/proc/{pid}/stat").exists()


def page(client, name, *args):
    return client.get(reverse(f"admin:taskhub_{name}", args=args)).content.decode()


def control(capsys, *arguments):
    call_command("taskcontrol", *arguments)
    return capsys.readouterr().out.strip()


HANGING = [tasks.hang, tasks.async_hang, tasks.hold_the_interpreter]


@pytest.mark.parametrize("task", HANGING, ids=lambda task: task.name)
def test_what_was_cancelled_and_still_runs_is_told_and_ended_by_force(
    start_node, task, capsys
):
    """Blocked in recv(), deaf to CancelledError, or without letting others run."""
    result = task.enqueue("it")
    node = start_node("--processes=1")
    pid = wait_for_trace("it began")

    assert operations.results.cancel(those(result)).running == 1
    (run,) = wait_until_told(result)

    row = result.row
    assert (run.because, run.task_path) == (Because.CANCELLED, task.module_path)
    assert (run.pid, run.since) == (pid, row.finished_at)
    assert run.node == Node.objects.get().name
    assert operations.results.still_running([row]) == {row.pk: run}
    assert is_alive(pid)

    said = control(capsys, "result", "cancel", str(row.pk))
    assert said == (
        "Cancelled: 0 waiting, 0 running. "
        "Cancelled before, still running: 1; use --by-force."
    )
    said = control(
        capsys, "result", "cancel", str(row.pk), "--by-force", "--reason=It hangs."
    )
    assert said == "Cancelled: 0 waiting, 1 running."
    wait_until(lambda: not is_alive(pid), "the end of its process", 60)
    wait_until(lambda: not told(), "the node to tell", 30)
    after = tasks.tell_process.enqueue()
    assert after.get(timeout=60) != pid
    row = result.row
    assert row.status == Status.CANCELLED
    assert row.attempts == (1 if row.worker_ids else 0)
    entry = row.errors[-1]
    assert entry["by_force"]
    assert entry["forced_at"]
    assert entry["message"] == "It was cancelled. By force: It hangs."
    # Once is enough.
    assert not operations.results.cancel(those(result), by_force=True).running
    assert node.stop() == 0


def test_force_is_at_hand_at_once_after_cancelling(start_node, admin_client):
    """Before the node has told of itself again."""
    result = tasks.hang.enqueue("it")
    start_node("--processes=1")
    pid = wait_for_trace("it began")
    wait_until(lambda: result.row.status == Status.RUNNING, "its mark")
    operations.results.cancel(those(result))
    Node.objects.all().delete()

    shown = page(admin_client, "taskresult_change", result.id)
    assert "taskhub-cancel-by-force" in shown
    assert operations.results.cancel(those(result), by_force=True).running == 1
    wait_until(lambda: not is_alive(pid), "the end of its process", 60)


def test_a_hard_limit_ends_what_was_cancelled(start_node):
    result = tasks.hang_up_to_a_limit.enqueue("it")
    node = start_node("--processes=1")
    pid = wait_for_trace("it began")

    operations.results.cancel(those(result))

    wait_until(lambda: not is_alive(pid), "the end of its process", 60)
    assert result.row.status == Status.CANCELLED
    assert node.stop() == 0


def test_what_ends_when_it_is_asked_to_is_not_told_of(start_node):
    result = tasks.run_until_cancelled.enqueue("it")
    start_node("--processes=1")
    wait_for_trace("it began")

    operations.results.cancel(those(result))
    wait_for_trace("it saw it")

    seen = Node.objects.get().last_seen_at
    wait_until(lambda: Node.objects.get().last_seen_at > seen, "the next report", 30)
    assert not told()
    assert not operations.results.still_running([result.row])


def test_neighbours_of_what_is_ended_by_force_may_finish(start_node, gate):
    result = tasks.hang.enqueue("it")
    neighbour = tasks.wait_for_gate.enqueue("neighbour", gate.path)
    start_node("--processes=1", "--threads=2")
    pid = wait_for_trace("it began")
    wait_for_trace("neighbour began")
    operations.results.cancel(those(result))
    wait_until_told(result)

    operations.results.cancel(those(result), by_force=True)
    after = tasks.tell_process.enqueue()
    assert after.get(timeout=60) != pid

    # It is told of for as long as a process has it.
    assert is_alive(pid)
    assert told().keys() == {result.id}
    gate.open()
    assert neighbour.get(timeout=60) == "neighbour"
    wait_until(lambda: not is_alive(pid), "the end of its process", 60)
    assert neighbour.row.attempts == 1


def test_a_result_that_was_deleted_or_finished_meanwhile(start_node, gate):
    deleted = tasks.wait_for_gate.enqueue("deleted", gate.path)
    finished = tasks.wait_for_gate.enqueue("finished", gate.path)
    rowless = tasks.wait_rowless_for_gate.enqueue("rowless", gate.path)
    own = tasks.wait_for_gate.enqueue("own", gate.path)
    start_node("--processes=1", "--threads=4")
    for label in ("deleted", "finished", "rowless", "own"):
        wait_for_trace(f"{label} began")
    wait_until(lambda: own.row.status == Status.RUNNING, "marks")

    those(deleted).delete()
    those(finished).update(
        status=Status.SUCCESSFUL, finished_at=finished.row.last_attempted_at
    )

    runs = wait_until_told(deleted, finished)
    assert [run.because for run in runs] == [Because.DELETED, Because.FINISHED]
    assert rowless.id not in told()
    gate.open()
    wait_until(lambda: not told(), "the end of all", 30)


def test_what_another_attempt_has_by_now(start_node, gate):
    """Its process was frozen for longer than its lease."""
    result = tasks.wait_for_gate.enqueue("it", gate.path)
    frozen = start_node("--processes=1", TASKHUB_LEASE_SECONDS="2")
    pid = wait_for_trace("it began")
    wait_until(lambda: result.row.status == Status.RUNNING, "its mark")
    frozen.signal_all(signal.SIGSTOP)
    start_node("--processes=1", TASKHUB_LEASE_SECONDS="2")
    wait_until(lambda: result.row.attempts == 2, "another attempt", 60)
    frozen.signal_all(signal.SIGCONT)

    (run,) = wait_until_told(result)

    row = result.row
    assert (run.because, run.attempt, run.pid) == (Because.OVERTAKEN, 1, pid)
    assert run.since == row.last_attempted_at
    gate.open()
    result.get(timeout=60)
    wait_until(lambda: not told(), "the end of both", 30)


# Where people see it.


def test_the_pages_show_it_with_its_remedy(start_node, admin_client, capsys):
    result = tasks.hang.enqueue("it")
    start_node("--processes=1")
    pid = wait_for_trace("it began")
    wait_until(lambda: result.row.status == Status.RUNNING, "its mark")
    url = reverse("admin:taskhub_taskresult_do", args=[result.id, "cancel"])
    admin_client.post(url, follow=True)
    (run,) = wait_until_told(result)

    overview = page(admin_client, "taskmetrics_changelist")
    node = page(admin_client, "node_change", run.node)
    nodes = page(admin_client, "node_changelist")
    shown = page(admin_client, "taskresult_change", result.id)
    listed = page(admin_client, "taskresult_changelist")
    for html in (overview, node, nodes, shown, listed):
        assert "cancelled, still running for" in html
    for html in (overview, node, nodes):
        assert reverse("admin:taskhub_taskresult_change", args=[result.id]) in html
    assert "idle, or at short tasks" not in overview
    assert f"process {pid}" in shown
    assert reverse("admin:taskhub_node_change", args=[run.node]) in shown
    assert "taskhub-cancel-by-force" in shown
    live = reverse("admin:taskhub_taskresult_live", args=[result.id])
    assert not admin_client.get(live).json()["is_over"]
    with pytest.raises(SystemExit):
        call_command("taskstatus", "--json")
    (status,) = json.loads(capsys.readouterr().out)["nodes"]
    assert (status["running"], status["lingering"]) == (0, 1)

    url = reverse("admin:taskhub_taskresult_do", args=[result.id, "cancel-by-force"])
    said = admin_client.post(url, follow=True).content.decode()
    assert "the process that runs the task is replaced" in said
    wait_until(lambda: not is_alive(pid), "the end of its process", 60)
    wait_until(lambda: not told(), "the node to tell", 30)
    shown = page(admin_client, "taskresult_change", result.id)
    assert "still running" not in shown
    assert "taskhub-cancel-by-force" not in shown
    assert "By force: It was cancelled by admin." not in shown


def lingering_node(**since):
    """A node that has told of a run whose result was deleted."""
    entry = {
        "id": str(new_id()),
        "attempt": 1,
        "task_path": "",
        "because": "deleted",
        "since": (now() - timedelta(**since)).isoformat(),
    }
    worker = {"token": "web-1:2", "pid": 2, "memory_mib": 30, "lingering": [entry]}
    return NodeFactory(name="web-1", workers=[worker])


def test_what_lingers_for_long_needs_attention():
    lingering_node(minutes=4)
    assert not operations.status.read_status().needs_attention

    Node.objects.all().delete()
    lingering_node(minutes=6)

    (worry,) = operations.status.read_status().needs_attention
    assert worry.startswith("Node web-1 still runs 1 task whose result is over, for 36")


def test_what_a_silent_node_has_told_is_not_known():
    node = lingering_node(minutes=6)
    Node.objects.filter(pk=node.pk).update(last_seen_at=now() - timedelta(minutes=1))

    assert not told()
    (status,) = operations.status.read_status().nodes
    assert (status.lingering, status.lingering_seconds) == (0, None)


def test_the_lists_cost_one_query_more(admin_client, django_assert_num_queries):
    """Whatever is on them, and however many nodes there are."""
    TaskResultFactory(successful=True)
    url = reverse("admin:taskhub_taskresult_changelist")
    with CaptureQueriesContext(connection) as before:
        admin_client.get(url)
    for _ in range(5):
        TaskResultFactory(failed=True)
        NodeFactory()
    with django_assert_num_queries(len(before)):
        admin_client.get(url)
