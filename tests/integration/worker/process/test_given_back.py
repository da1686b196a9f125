"""Results whose attempt was given back are READY and wait for another attempt."""

import os
import signal
from datetime import timedelta

import pytest
import redis
from django.urls import reverse
from django.utils import timezone

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.messages import Depth
from taskhub.models import Status, TaskResult
from taskhub.writer import Attempt, Outcome, write_deaths, write_outcomes
from taskhub.writer.given_back import GivenBack, write_given_back
from tests import tasks
from tests.factories import TaskResultFactory
from tests.models import Trace
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

SHORT = {"TASKHUB_LEASE_SECONDS": "2"}


def wait_for_trace(label):
    wait_until(lambda: Trace.objects.filter(label=label).exists(), label)
    return Trace.objects.filter(label=label).latest("pk").pid


def start_running(start_node, gate, *arguments, **environment):
    """Start a node that runs a task; return the result, the node and the worker pid."""
    result = tasks.wait_for_gate.enqueue("it", gate.path)
    node = start_node("--processes=1", *arguments, **environment)
    pid = wait_for_trace("it began")
    wait_until(lambda: result.row.status == Status.RUNNING, "its mark")
    return result, node, pid


def check_waits(result, config, client, *, died):
    """Check the broker, the row, the statistics and the admin: the result waits."""
    assert get_broker(config).depth("default") == Depth(ready=1)
    row = result.row
    assert (row.status, row.attempts) == (Status.READY, 1)
    assert (row.waited, row.ran, row.finished_at) == (None, None, None)
    assert row.last_attempted_at < row.run_after <= timezone.now()
    stats = TaskResult.objects.stats()
    assert (stats.ready, stats.running) == (1, 0)
    listed = reverse("admin:taskhub_taskresult_changelist")
    for status, there in ((Status.READY, True), (Status.RUNNING, False)):
        page = client.get(listed, {"status": status}).content.decode()
        assert (str(row.pk) in page) is there
    url = reverse("admin:taskhub_taskresult_change", args=[row.pk])
    page = client.get(url).content.decode()
    assert "Attempt 1 runs" not in page
    if died:
        assert [error["attempt"] for error in row.errors] == [1]
        assert row.errors[0]["exception_class_path"].endswith("WorkerDied")
        assert "Attempt 1: WorkerDied" in page
        assert "Waited to be retried" in page
    else:
        assert row.errors == []
        assert "Attempt 1, until retried" in page
        assert "Waited for a worker" in page


def check_runs_again(result, start_node, gate, *, errors):
    gate.open()
    start_node("--drain", "--processes=1").wait()
    row = result.row
    assert (row.status, row.attempts, len(row.errors)) == ("SUCCESSFUL", 2, errors)
    assert row.waited < row.finished_at - row.enqueued_at
    return row


def test_a_result_waits_again_after_the_grace_period_has_ended(
    config, start_node, gate, admin_client
):
    result, node, _pid = start_running(start_node, gate, "--grace=0.2")

    assert node.stop() == 0

    check_waits(result, config, admin_client, died=False)
    given_back = result.row.run_after
    row = check_runs_again(result, start_node, gate, errors=0)
    # The row still tells when the message was given back.
    assert row.run_after == given_back


def test_a_result_waits_again_after_its_node_was_stopped_at_once(
    config, start_node, gate, admin_client
):
    result, node, _pid = start_running(start_node, gate)

    assert node.stop(signal.SIGQUIT) == 1

    check_waits(result, config, admin_client, died=True)
    check_runs_again(result, start_node, gate, errors=1)


def test_a_result_waits_again_after_its_process_was_killed(
    config, start_node, gate, admin_client
):
    """The queue is paused, so no other process takes the message."""
    result, node, pid = start_running(start_node, gate)
    operations.queues.pause(operations.queues.Queue("default"))

    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: result.row.status == Status.READY, "the row to say so", 30)

    operations.queues.resume(operations.queues.Queue("default"))
    wait_until(lambda: result.row.attempts == 2, "another attempt")
    row = result.row
    assert [error["attempt"] for error in row.errors] == [1]
    assert node.stop(signal.SIGQUIT) == 1
    check = result.row
    assert [error["attempt"] for error in check.errors] == [1, 2]


def test_a_result_waits_again_after_its_node_was_killed(
    config, start_node, gate, admin_client
):
    """Another node reclaims the message and does not run it: the queue is paused."""
    result, node, _pid = start_running(start_node, gate, **SHORT)
    node.kill()
    keeper = start_node("--queues=other,default", "--processes=1", **SHORT)
    operations.queues.pause(operations.queues.Queue("default"))

    wait_until(lambda: result.row.status == Status.READY, "the row to say so", 60)

    assert keeper.stop() == 0
    operations.queues.resume(operations.queues.Queue("default"))
    check_waits(result, config, admin_client, died=True)
    check_runs_again(result, start_node, gate, errors=1)


def test_a_result_waits_again_after_its_supervisor_was_killed(
    config, start_node, gate, admin_client
):
    result, node, pid = start_running(start_node, gate, "--grace=0.2")
    steward = set(node.children()) - {pid}

    node.send(signal.SIGKILL)

    wait_until(lambda: result.row.status == Status.READY, "the row to say so", 30)
    wait_until(lambda: not steward & set(node.session()), "its steward's end", 30)
    check_waits(result, config, admin_client, died=False)


def test_a_process_that_was_frozen_may_still_finish(config, start_node, gate):
    """It was frozen for longer than its lease, and no other attempt has begun."""
    result, node, _pid = start_running(start_node, gate, **SHORT)
    operations.queues.pause(operations.queues.Queue("default"))
    node.freeze()
    keeper = start_node("--processes=1", **SHORT)
    wait_until(lambda: result.row.status == Status.READY, "the row to say so", 60)
    assert len(result.row.errors) == 1

    gate.open()
    node.thaw()

    assert result.get(timeout=60) == "it"
    row = result.row
    assert (row.attempts, row.errors) == (1, [])
    operations.queues.resume(operations.queues.Queue("default"))
    wait_until(lambda: get_broker(config).depth("default") == Depth(), "its message")
    assert Trace.labels().count("it began") == 1
    assert keeper.stop() == 0


def test_a_result_waits_again_after_its_task_met_a_database_outage(
    config, start_node, gate, admin_client
):
    task = tasks.fail_once_behind_a_gate_as_in_an_outage
    result = task.enqueue("it", gate.path)
    node = start_node("--processes=1")
    wait_for_trace("it began")
    wait_until(lambda: result.row.status == Status.RUNNING, "its mark")
    operations.queues.pause(operations.queues.Queue("default"))

    gate.open()
    wait_until(lambda: result.row.status == Status.READY, "the row to say so", 30)

    assert node.stop() == 0
    operations.queues.resume(operations.queues.Queue("default"))
    row = result.row
    assert (row.attempts, row.errors, row.waited, row.ran) == (1, [], None, None)
    # The retry is due after a pause, in which the server can recover.
    assert row.last_attempted_at < row.run_after
    check_runs_again(result, start_node, gate, errors=0)


def test_stopping_a_draining_node_leaves_waiting_messages_unchanged(
    config, start_node, gate
):
    """Its running task continues and finishes."""
    result, node, _pid = start_running(start_node, gate, "--drain")
    waiting = tasks.add.enqueue(1)
    node.send(signal.SIGTERM)
    wait_until(lambda: "Stopping" in node.log, "the signal")

    assert (result.row.status, waiting.row.status) == (Status.RUNNING, Status.READY)
    gate.open()
    assert node.wait() == 0
    assert (waiting.row.attempts, waiting.row.run_after) == (0, None)


def test_a_result_waits_again_after_node_and_broker_data_were_lost(
    config, start_node, gate
):
    """The sweep pushes the message, since its process is dead."""
    if config.options.broker_url == "database://":
        pytest.skip("The rows are the messages.")
    result, node, _pid = start_running(start_node, gate, **SHORT)
    node.kill()
    with redis.Redis.from_url(config.options.broker_url) as client:
        keys = client.keys(f"*{config.options.key_prefix}:*")
        assert client.delete(*keys)
    TaskResult.objects.update(
        last_attempted_at=timezone.now() - timedelta(minutes=1),
        started_at=timezone.now() - timedelta(minutes=1),
    )
    operations.queues.pause(operations.queues.Queue("default"))
    start_node("--processes=1", **SHORT)

    wait_until(lambda: result.row.status == Status.READY, "the sweep", 90)

    assert result.row.errors[-1]["exception_class_path"].endswith("WorkerDied")


# Writing given-back attempts and deaths into the rows.


def attempt_of(row, **changes):
    values = {
        "message": row.to_message(),
        "worker_id": row.worker_ids[-1],
        "number": row.attempts,
        "started_at": row.last_attempted_at,
        "first_started_at": row.started_at,
        "worker_ids": row.worker_ids,
    }
    return Attempt(**values | changes)


def test_only_the_attempt_that_owns_the_row_gives_it_back():
    row = TaskResultFactory(running=True, attempts=2, worker_ids=["a", "b"])
    finished = TaskResultFactory(successful=True)

    write_given_back([GivenBack(attempt_of(row, number=1, worker_ids=["a"]))])
    write_given_back([GivenBack(attempt_of(finished))])
    write_deaths({row.pk: "a", finished.pk: "worker-1"})

    statuses = {each.pk: each.status for each in TaskResult.objects.all()}
    assert statuses == {row.pk: Status.RUNNING, finished.pk: Status.SUCCESSFUL}


def test_an_attempt_that_was_given_back_writes_its_outcome_once():
    row = TaskResultFactory(running=True)
    attempt = attempt_of(row)
    write_given_back([GivenBack(attempt)])
    again = Outcome(
        attempt=attempt_of(row, errors=[{"attempt": 1, "message": "no"}]),
        status=Status.READY,
        finished_at=timezone.now(),
        retry_at=timezone.now(),
    )

    assert write_outcomes([again]) == 0
    # An outcome is written again if the reply to its commit was lost.
    assert write_outcomes([again]) == 1
    success = Outcome(
        attempt=attempt, status=Status.SUCCESSFUL, finished_at=timezone.now()
    )
    assert write_outcomes([success]) == 1


def test_a_death_is_counted_once(start_node, gate):
    """The steward that reclaims the message and the next attempt both notice it."""
    result, _node, pid = start_running(start_node, gate)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: result.row.attempts == 2, "another attempt")

    gate.open()

    assert result.get(timeout=60) == "it"
    assert len(result.row.errors) == 1
