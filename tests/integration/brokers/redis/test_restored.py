"""A Redis server that restarts with an older state from its disk."""

import signal
import time

import pytest
import redis

from taskhub.brokers import get_broker
from tests import tasks
from tests.models import Trace
from tests.servers import RedisServer, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(own_redis):
    return own_redis


@pytest.fixture
def config(configure, server):
    return configure(broker_url=server.url)


def restore(server: RedisServer) -> None:
    """Kill the server, and start it with the data that it last saved."""
    server.stop(signal.SIGKILL)
    server.start()
    client = redis.Redis(port=server.port)
    wait_until(lambda: not client.info("persistence")["loading"], "it to load")
    client.close()


def reserve(config, token):
    broker = get_broker(config)
    broker.join(["default"], token)
    return broker.reserve(["default"], limit=100, token=token)


def save(server: RedisServer) -> None:
    client = redis.Redis(port=server.port)
    client.save()
    client.close()


def test_messages_from_before_a_restart_are_marked_as_redelivered(config, server):
    tasks.add.enqueue(1)
    (before,) = reserve(config, "first")
    get_broker(config).release("default", [before.id], token="first")
    save(server)
    restore(server)
    get_broker(config).close()

    (again,) = reserve(config, "second")
    # A message from the millisecond of the restart would be marked as well.
    moment = time.time_ns() // 1_000_000
    wait_until(lambda: time.time_ns() // 1_000_000 > moment, "the next one")
    later = tasks.add.enqueue(2)
    fresh = get_broker(config).reserve(["default"], limit=9, token="second")

    assert not before.redelivered
    assert again.redelivered
    assert not again.has_killed
    assert [(each.id, each.redelivered) for each in fresh] == [(str(later.id), False)]


def test_finished_tasks_do_not_run_again_after_a_restart(config, server, start_node):
    get_broker(config).join(["default"], "anybody")
    get_broker(config).reserve(["default"], limit=1, token="anybody")
    results = tasks.trace.enqueue_many([(f"{number}",) for number in range(20)])
    save(server)
    node = start_node("--processes=1")
    for result in results:
        result.get(timeout=60)

    restore(server)

    get_broker(config).close()
    depth = get_broker(config).depth
    wait_until(lambda: depth("default").ready + depth("default").held == 0, "its end")
    assert tasks.add.enqueue(1).get(timeout=30) == 1
    assert Trace.objects.count() == 20
    assert node.stop() == 0
