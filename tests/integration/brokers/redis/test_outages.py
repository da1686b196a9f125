"""A Redis that is full, or has forgotten everything."""

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
    """The default backend, on a Redis of its own."""
    return configure(broker_url=own_redis.url)


@pytest.fixture
def client(own_redis):
    with redis.Redis.from_url(own_redis.url) as client:
        yield client


def test_a_full_redis_takes_nothing_in_and_goes_on_with_what_it_has(config, client):
    """Above all, leases are kept: nobody is taken for dead because Redis is full."""
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


def test_of_a_push_that_was_long_on_its_way_the_rows_are_looked_at_first(
    config, monkeypatch
):
    """Its sender had given it up, and a sweep may have pushed the same before it."""
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


def test_a_redis_that_forgets_everything_does_not_stop_a_process_with_a_long_task(
    start_node, client, gate
):
    node = start_node("--processes=1", "--threads=2")
    long = tasks.wait_for_gate.enqueue("long", gate.path)
    # What is not marked yet would be taken for lost, and run once more.
    wait_until(lambda: long.row.status == Status.RUNNING, "the long one", 30)

    client.flushall()

    assert tasks.add.enqueue(1).get(timeout=30) == 1
    gate.open()
    assert long.get(timeout=30) == "long"
    assert long.row.attempts == 1
    assert node.stop() == 0
