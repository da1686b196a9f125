"""A fail-over behind one address: only new connections reach the new primary."""

from contextlib import ExitStack

import pytest
import redis

from tests import tasks
from tests.chaos.proxy import Proxy
from tests.conftest import require
from tests.servers import RedisServer, ServerMissing, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def replicated(redis_url):
    """A server, its replica, and a proxy with the address of the primary."""
    with ExitStack() as stack:
        try:
            first, second = (stack.enter_context(RedisServer()) for _ in range(2))
        except ServerMissing as reason:
            require("", str(reason))
        proxy = stack.enter_context(Proxy(first.port))
        clients = [redis.Redis(port=each.port) for each in (first, second)]
        for client in clients:
            client.config_set("repl-diskless-sync-delay", 0)
        follow(clients[1], first)
        yield proxy, (first, clients[0]), (second, clients[1])


def follow(client, server):
    client.replicaof("127.0.0.1", server.port)
    wait_until(
        lambda: client.info("replication").get("master_link_status") == "up",
        "the replica to follow",
    )


@pytest.fixture
def config(configure, replicated):
    """The default backend, with the address of the primary."""
    proxy, *_servers = replicated
    return configure(broker_url=f"redis://127.0.0.1:{proxy.port}/0")


def test_a_node_continues_after_its_primary_becomes_a_replica(start_node, replicated):
    proxy, (_first, old), (second, new) = replicated
    node = start_node("--processes=1", "--beat")
    assert tasks.add.enqueue(1).get(timeout=30) == 1

    new.replicaof("NO", "ONE")
    proxy.lead_to(second.port)
    follow(old, second)

    results = [tasks.add.enqueue(number) for number in range(3)]
    assert [each.get(timeout=60) for each in results] == [0, 1, 2]
    # The connection of this process has left the replica as well.
    assert tasks.add.enqueue(5).get(timeout=30) == 5
    assert node.stop() == 0
    assert "Traceback" not in node.log
