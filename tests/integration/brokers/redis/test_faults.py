"""Redis keys that are lost, or hold values that taskhub has not written."""

from datetime import timedelta

import pytest
import redis

from taskhub.brokers import get_broker
from taskhub.messages import Depth
from taskhub.models import Node as NodeRow
from taskhub.models import QuarantinedMessage, Status, TaskResult
from taskhub.worker.steward.sweeper import Sweeper
from tests import tasks
from tests.factories import now, small_node
from tests.models import Trace
from tests.nodes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@pytest.fixture
def config(configure, redis_url):
    return configure(broker_url=redis_url)


@pytest.fixture
def client(config):
    with redis.Redis.from_url(config.options.broker_url) as client:
        yield client


@pytest.fixture
def key(config):
    """A function that returns the full name of a key of the default queue."""
    return lambda name: f"{config.options.key_prefix}:{{default}}:{name}"


def test_damaged_queues_are_logged_and_other_queues_still_work(
    start_node, client, config
):
    node = start_node("--processes=1")
    assert tasks.add.enqueue(0).get(timeout=60) == 0
    damaged = {"default": "ready", "mail": "messages", "pictures": "nodes"}
    keys = [
        f"{config.options.key_prefix}:{{{queue_name}}}:{name}"
        for queue_name, name in damaged.items()
    ]
    for key in keys:
        client.delete(key)
        client.sadd(key, "wrong")

    stopped = [tasks.add.using(queue_name=each).enqueue(1) for each in damaged]
    assert tasks.add.using(queue_name="other").enqueue(2).get(timeout=60) == 2
    wait_until(lambda: all(f"the key {key} is a set" in node.log for key in keys), "it")
    client.delete(*keys)

    assert [result.get(timeout=60) for result in stopped] == [1, 1, 1]
    # The worker process and the steward each log it once.
    assert all(node.log.count(f"the key {key} is a set") <= 2 for key in keys)
    assert "Traceback" not in node.log
    assert node.stop() == 0


# Lost keys.


def test_every_task_runs_once_although_keys_are_lost(start_node, client, config, gate):
    lost = {
        "default": ("ready", "delayed", "wake"),
        "mail": ("messages", "mark"),
        "pictures": ("messages", "ready"),
        "other": ("nodes", "delayed", "run"),
    }
    node = start_node("--processes=1", "--threads=2")
    running = tasks.wait_for_gate.enqueue("long", gate.path)
    wait_until(lambda: running.row.status == Status.RUNNING, "the long one")
    waiting = []
    for queue_name in lost:
        get_broker(config).pause(queue_name, paused=True)
        for number in range(4):
            due = timedelta(seconds=1) if number % 2 else None
            trace = tasks.trace.using(queue_name=queue_name, run_after=due)
            waiting.append(trace.enqueue(f"{queue_name} {number}"))

    prefix = config.options.key_prefix
    gone = [
        f"{prefix}:{{{queue_name}}}:{name}"
        for queue_name, names in lost.items()
        for name in (*names, "paused")
    ]
    client.delete(*gone, *client.keys(f"{prefix}:*:held:*"))

    for result in waiting:
        result.get(timeout=60)
    gate.open()
    running.get(timeout=60)
    labels = list(Trace.objects.values_list("label", flat=True))
    assert len(labels) == len(set(labels)) == 18
    assert running.row.attempts == 1
    assert node.stop() == 0


def test_a_task_of_a_dead_process_runs_again_without_its_held_key(
    start_node, client, key, config, gate
):
    result = tasks.wait_for_gate.enqueue("a", gate.path)
    dead = start_node("--processes=1", TASKHUB_LEASE_SECONDS="1")
    wait_until(lambda: result.row.status == Status.RUNNING, "it to run")
    client.delete(*client.keys(key("held:*")))
    dead.kill()
    # The same state as five minutes later.
    past = now() - timedelta(minutes=5)
    NodeRow.objects.update(last_seen_at=past)
    TaskResult.objects.update(last_attempted_at=past)
    gate.open()

    start_node("--processes=1", TASKHUB_LEASE_SECONDS="1")

    assert result.get(timeout=60) == "a"
    assert result.row.attempts == 2


@pytest.mark.parametrize("name", ["ready", "delayed"])
def test_astray_messages_without_a_row_are_put_back(config, drain, client, key, name):
    """One is of `durable=False`, one of a deleted row, and one not from taskhub."""
    delay = timedelta(seconds=1) if name == "delayed" else None
    fleeting = tasks.fleeting.using(run_after=delay)
    fleeting.enqueue(1)
    deleted = tasks.trace.using(run_after=delay).enqueue("deleted")
    TaskResult.objects.filter(pk=deleted.id).delete()
    client.hset(key("messages"), "forged", "forged")
    client.delete(key(name))
    look = Sweeper(small_node(config)).look

    look()
    assert get_broker(config).depth("default") == Depth(astray=3)
    look()
    assert get_broker(config).depth("default") == Depth(ready=3)
    drain()

    assert QuarantinedMessage.objects.get().message_id == "forged"
    assert TaskResult.objects.get().status == Status.SUCCESSFUL
    assert [trace.label for trace in Trace.objects.all()] == ["fleeting"]


def test_a_message_that_is_put_back_waits_until_it_is_due(config, drain, client, key):
    """For a task of `durable=False`, only the message says when the task is due."""
    tasks.fleeting.using(run_after=timedelta(hours=1)).enqueue(1)
    client.delete(key("delayed"))
    look = Sweeper(small_node(config)).look
    look()
    look()

    drain()

    assert get_broker(config).depth("default") == Depth(delayed=1)
    assert not Trace.objects.exists()


def test_astray_messages_of_finished_and_moved_rows_are_removed(config, client, key):
    done = tasks.add.enqueue(1)
    moved = tasks.add.enqueue(2)
    client.delete(key("ready"))
    TaskResult.objects.filter(pk=done.id).update(status=Status.CANCELLED)
    TaskResult.objects.filter(pk=moved.id).update(queue_name="mail")
    look = Sweeper(small_node(config)).look

    look()
    look()

    assert not client.exists(key("messages"))


def test_a_lease_that_ends_too_far_in_the_future_has_ended(config):
    broker = get_broker(config)
    broker.join(["default"], "forged")
    with redis.Redis.from_url(config.options.broker_url) as client:
        nodes = f"{config.options.key_prefix}:{{default}}:nodes"
        client.zadd(nodes, {"forged": "inf", "far": 9e15, "alive": 0})
        broker.heartbeat(["default"], ["alive"])
        broker.join(["default"], "alive")

    assert broker.silent(["default"]) == {"forged", "far"}
    assert broker.reclaim(["default"], "forged", if_silent=True) == 0
    assert broker.silent(["default"]) == {"far"}
