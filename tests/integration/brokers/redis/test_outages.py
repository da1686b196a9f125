"""A Redis server that is full, or has lost all its data."""

import time

import pytest
import redis

from taskhub.brokers import get_broker
from taskhub.exceptions import BrokerUnavailable
from taskhub.messages import Depth, Returned
from taskhub.models import Status
from tests import tasks
from tests.benches import RedisBench
from tests.factories import EnvelopeFactory
from tests.nodes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN, OTHER = "worker-1", "worker-2"


@pytest.fixture
def config(configure, own_redis):
    """The default backend, on its own Redis server."""
    return configure(broker_url=own_redis.url)


@pytest.fixture
def client(own_redis):
    with redis.Redis.from_url(own_redis.url) as client:
        yield client


def test_a_full_redis_refuses_pushes_but_delivers_its_messages(config, client):
    """Heartbeats still extend leases: no process counts as dead if Redis is full."""
    broker = get_broker(config)
    bench = RedisBench(broker)
    bench.join(TOKEN)
    first, second, third = [bench.put_one() for _ in range(3)]
    assert bench.reserve(TOKEN, limit=2) == [first, second]
    bench.end_lease(TOKEN)

    client.config_set("maxmemory", 1)

    with pytest.raises(BrokerUnavailable, match="refuses"):
        bench.put(EnvelopeFactory())
    bench.join(OTHER)
    assert broker.heartbeat(["default", "mail"], [TOKEN, OTHER]) == set()
    assert broker.silent(["default", "mail"]) == set()
    assert bench.reserve(OTHER) == [third]
    assert broker.acknowledge("default", [first], token=TOKEN) == {first}
    assert broker.release("default", [third], token=OTHER, started=True) == 1
    assert broker.reclaim(["default"], TOKEN) == 1
    second_again, third_again = broker.reserve(["default"], limit=9, token=OTHER)
    assert second_again.returned == Returned(TOKEN, died=True)
    assert third_again.returned == Returned(OTHER, died=False)
    assert broker.depth("default") == Depth(held=2)
    bench.close()


def test_a_message_whose_push_was_delayed_is_marked_as_returned(config, monkeypatch):
    """The sender has given up the push, and a sweep may have repeated it already."""
    broker = get_broker(config)
    bench = RedisBench(broker)
    bench.join(TOKEN)
    on_time = bench.put_one()
    with monkeypatch.context() as patch:
        patch.setattr("taskhub.brokers.redis.broker.time", lambda: time.time() - 5)
        late = bench.put_one()

    reserved = broker.reserve(["default"], limit=2, token=TOKEN)

    assert {each.id: each.returned for each in reserved} == {
        on_time: None,
        late: Returned("", died=False),
    }
    bench.close()


def test_a_node_continues_after_redis_has_lost_all_its_data(start_node, client, gate):
    node = start_node("--processes=1", "--threads=2")
    long = tasks.wait_for_gate.enqueue("long", gate.path)
    # A task that is not marked RUNNING yet would count as lost, and run again.
    wait_until(lambda: long.row.status == Status.RUNNING, "the long one", 30)

    client.flushall()

    assert tasks.add.enqueue(1).get(timeout=30) == 1
    gate.open()
    assert long.get(timeout=30) == "long"
    assert long.row.attempts == 1
    assert node.stop() == 0
