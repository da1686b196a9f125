"""Lingering runs: how they are shown, and how they are ended by force."""

import json
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


def reported():
    """The lingering runs that nodes report, by id."""
    return {str(run.id): run for run in operations.results.lingering_runs()}


def wait_until_reported(*results):
    ids = {result.id for result in results}
    wait_until(lambda: reported().keys() == ids, "the nodes to tell", 30)
    return [reported()[result.id] for result in results]


def is_alive(pid):
    return Path(f"/proc/{pid}/stat").exists()


def page(client, name, *args):
    return client.get(reverse(f"admin:taskhub_{name}", args=args)).content.decode()


def control(capsys, *arguments):
    call_command("taskcontrol", *arguments)
    return capsys.readouterr().out.strip()


HANGING = [tasks.hang, tasks.async_hang, tasks.hold_the_interpreter]


@pytest.mark.parametrize("task", HANGING, ids=lambda task: task.name)
def test_a_lingering_run_is_reported_and_ended_by_force(start_node, task, capsys):
    """The task blocks in recv(), suppresses CancelledError, or holds the GIL."""
    result = task.enqueue("it")
    node = start_node("--processes=1")
    pid = wait_for_trace("it began")

    assert operations.results.cancel(those(result)).running == 1
    (run,) = wait_until_reported(result)

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
    wait_until(lambda: not reported(), "the node to tell", 30)
    after = tasks.tell_process.enqueue()
    assert after.get(timeout=60) != pid
    row = result.row
    assert row.status == Status.CANCELLED
    assert row.attempts == (1 if row.worker_ids else 0)
    entry = row.errors[-1]
    assert entry["by_force"]
    assert entry["forced_at"]
    assert entry["message"] == "It was cancelled. By force: It hangs."
    # A second cancellation by force changes nothing.
    assert not operations.results.cancel(those(result), by_force=True).running
    assert node.stop() == 0


def test_cancelling_by_force_is_possible_right_after_cancelling(
    start_node, admin_client
):
    """It does not need a report of the node."""
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


def test_a_hard_limit_ends_a_cancelled_run(start_node):
    result = tasks.hang_up_to_a_limit.enqueue("it")
    node = start_node("--processes=1")
    pid = wait_for_trace("it began")

    operations.results.cancel(those(result))

    wait_until(lambda: not is_alive(pid), "the end of its process", 60)
    assert result.row.status == Status.CANCELLED
    assert node.stop() == 0


def test_a_task_that_stops_when_cancelled_is_not_reported(start_node):
    result = tasks.run_until_cancelled.enqueue("it")
    start_node("--processes=1")
    wait_for_trace("it began")

    operations.results.cancel(those(result))
    wait_for_trace("it saw it")

    seen = Node.objects.get().last_seen_at
    wait_until(lambda: Node.objects.get().last_seen_at > seen, "the next report", 30)
    assert not reported()
    assert not operations.results.still_running([result.row])


def test_tasks_beside_a_run_that_is_ended_by_force_may_finish(start_node, gate):
    result = tasks.hang.enqueue("it")
    neighbour = tasks.wait_for_gate.enqueue("neighbour", gate.path)
    start_node("--processes=1", "--threads=2")
    pid = wait_for_trace("it began")
    wait_for_trace("neighbour began")
    operations.results.cancel(those(result))
    wait_until_reported(result)

    operations.results.cancel(those(result), by_force=True)
    after = tasks.tell_process.enqueue()
    assert after.get(timeout=60) != pid

    # The run is reported as long as its process lives.
    assert is_alive(pid)
    assert reported().keys() == {result.id}
    gate.open()
    assert neighbour.get(timeout=60) == "neighbour"
    wait_until(lambda: not is_alive(pid), "the end of its process", 60)
    assert neighbour.row.attempts == 1


def test_runs_of_deleted_and_finished_results_are_reported(start_node, gate):
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

    runs = wait_until_reported(deleted, finished)
    assert [run.because for run in runs] == [Because.DELETED, Because.FINISHED]
    assert rowless.id not in reported()
    gate.open()
    wait_until(lambda: not reported(), "the end of all", 30)


def test_a_run_overtaken_by_another_attempt_is_reported(start_node, gate):
    """Its process was frozen for longer than its lease."""
    result = tasks.wait_for_gate.enqueue("it", gate.path)
    frozen = start_node("--processes=1", TASKHUB_LEASE_SECONDS="2")
    pid = wait_for_trace("it began")
    wait_until(lambda: result.row.status == Status.RUNNING, "its mark")
    frozen.freeze()
    start_node("--processes=1", TASKHUB_LEASE_SECONDS="2")
    wait_until(lambda: result.row.attempts == 2, "another attempt", 60)
    frozen.thaw()

    (run,) = wait_until_reported(result)

    row = result.row
    assert (run.because, run.attempt, run.pid) == (Because.OVERTAKEN, 1, pid)
    assert run.since == row.last_attempted_at
    gate.open()
    result.get(timeout=60)
    wait_until(lambda: not reported(), "the end of both", 30)


# Where lingering runs are shown.


def test_the_admin_shows_a_lingering_run_and_cancels_it_by_force(
    start_node, admin_client, capsys
):
    result = tasks.hang.enqueue("it")
    start_node("--processes=1")
    pid = wait_for_trace("it began")
    wait_until(lambda: result.row.status == Status.RUNNING, "its mark")
    url = reverse("admin:taskhub_taskresult_do", args=[result.id, "cancel"])
    admin_client.post(url, follow=True)
    (run,) = wait_until_reported(result)

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
    wait_until(lambda: not reported(), "the node to tell", 30)
    shown = page(admin_client, "taskresult_change", result.id)
    assert "still running" not in shown
    assert "taskhub-cancel-by-force" not in shown
    assert "By force: It was cancelled by admin." not in shown


def lingering_node(**since):
    """A node that has reported a lingering run of a deleted result."""
    entry = {
        "id": str(new_id()),
        "attempt": 1,
        "task_path": "",
        "because": "deleted",
        "since": (now() - timedelta(**since)).isoformat(),
    }
    worker = {"token": "web-1:2", "pid": 2, "memory_mib": 30, "lingering": [entry]}
    return NodeFactory(name="web-1", workers=[worker])


def test_a_run_that_lingers_for_more_than_5_minutes_needs_attention():
    lingering_node(minutes=4)
    assert not operations.status.read_status().needs_attention

    Node.objects.all().delete()
    lingering_node(minutes=6)

    (worry,) = operations.status.read_status().needs_attention
    assert worry.startswith("Node web-1 still runs 1 task whose result is over, for 36")


def test_the_report_of_a_silent_node_is_ignored():
    node = lingering_node(minutes=6)
    Node.objects.filter(pk=node.pk).update(last_seen_at=now() - timedelta(minutes=1))

    assert not reported()
    (status,) = operations.status.read_status().nodes
    assert (status.lingering, status.lingering_seconds) == (0, None)


def test_the_number_of_queries_of_the_result_list_is_constant(
    admin_client, django_assert_num_queries
):
    """It does not grow with the number of results and nodes."""
    TaskResultFactory(successful=True)
    url = reverse("admin:taskhub_taskresult_changelist")
    with CaptureQueriesContext(connection) as before:
        admin_client.get(url)
    for _ in range(5):
        TaskResultFactory(failed=True)
        NodeFactory()
    with django_assert_num_queries(len(before)):
        admin_client.get(url)
