"""A network that silently drops connections to the database."""

import os
import socket

import pytest
from django.db import connection

from taskhub.management.network_timeouts import set_network_timeouts
from taskhub.models import PeriodicTask
from taskhub.schedules import every
from tests import tasks
from tests.chaos.proxy import Proxy
from tests.idle_transactions import idle_transactions_end
from tests.nodes import database_url
from tests.servers import wait_until

pytestmark = [
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no network"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def network(transactional_db):
    """A proxy between nodes and the database, which ends idle transactions."""
    port = int(connection.settings_dict["PORT"])
    with idle_transactions_end(), Proxy(port) as proxy:
        yield proxy


@pytest.mark.any_broker
def test_a_node_recovers_when_a_firewall_has_dropped_its_connections(
    start_node, network
):
    port = connection.settings_dict["PORT"]
    node = start_node(
        "--processes=1",
        "--beat",
        DATABASE_URL=database_url().replace(f":{port}/", f":{network.port}/"),
    )
    before = [tasks.trace.enqueue("before"), tasks.async_add.enqueue(1)]
    wait_until(lambda: all(each.row.is_finished for each in before), "it to work")

    assert network.forget() > 0
    row = PeriodicTask.objects.create(
        name="after", task_path="tests.tasks.add", args=[1], schedule=every(seconds=1)
    )
    after = [tasks.trace.enqueue("after"), tasks.async_add.enqueue(2)]

    # A node gives up a connection that is being opened after half a minute, and the
    # database a transaction that is idle.
    wait_until(lambda: all(each.row.is_finished for each in after), "it to go on", 180)
    wait_until(lambda: row.results.successful().exists(), "the beat to go on", 180)
    assert node.stop() == 0


@pytest.fixture
def options(monkeypatch):
    """The site's database options, which a test may change."""
    connection.close()
    options = {**connection.settings_dict["OPTIONS"]}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    yield options
    connection.close()


def bound() -> dict[str, int]:
    """The socket options of a database connection that is opened now."""
    set_network_timeouts()
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as twin:
        return {
            name: twin.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name in ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPCNT")
        }


def test_connections_have_keepalives_and_a_timeout(options):
    assert bound() == {
        "TCP_USER_TIMEOUT": 10_000,
        "TCP_KEEPIDLE": 10,
        "TCP_KEEPCNT": 3,
    }


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="these are options of libpq"
)
def test_options_that_the_site_has_set_are_kept(options):
    options |= {"tcp_user_timeout": 77_000, "keepalives_idle": 7}

    found = bound()

    assert (found["TCP_USER_TIMEOUT"], found["TCP_KEEPIDLE"]) == (77_000, 7)


def test_a_default_socket_timeout_does_not_affect_the_driver(options):
    socket.setdefaulttimeout(5)
    try:
        bound()
        assert connection.is_usable()
    finally:
        socket.setdefaulttimeout(None)
