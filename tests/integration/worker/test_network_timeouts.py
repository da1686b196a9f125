"""A network that forgets connections to the database without a word."""

import os
import socket

import pytest
from django.db import connection

from taskhub.management.network_timeouts import set_network_timeouts
from taskhub.models import PeriodicTask
from taskhub.schedules import every
from tests import tasks
from tests.chaos.proxy import Proxy
from tests.nodes import database_url
from tests.servers import wait_until

pytestmark = [
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no network"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def network():
    """What is between nodes and the database."""
    with Proxy(int(connection.settings_dict["PORT"])) as proxy:
        yield proxy


@pytest.mark.any_broker
def test_a_node_goes_on_when_a_firewall_has_forgotten_its_connections(
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

    # A connection that was just being opened takes half a minute to be given up.
    wait_until(lambda: all(each.row.is_finished for each in after), "it to go on", 180)
    wait_until(lambda: row.results.successful().exists(), "the beat to go on", 180)
    assert node.stop() == 0


@pytest.fixture
def options(monkeypatch):
    """The site's own options of the database, to be changed by a test."""
    connection.close()
    options = {**connection.settings_dict["OPTIONS"]}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    yield options
    connection.close()


def bound() -> dict[str, int]:
    """What the system was told about a connection that is opened now."""
    set_network_timeouts()
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as twin:
        return {
            name: twin.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name in ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPCNT")
        }


def test_connections_are_kept_alive_and_given_up_when_silent(options):
    assert bound() == {
        "TCP_USER_TIMEOUT": 10_000,
        "TCP_KEEPIDLE": 10,
        "TCP_KEEPCNT": 3,
    }


@pytest.mark.skipif(connection.vendor != "postgresql", reason="libpq has options")
def test_what_the_site_has_set_stays(options):
    options |= {"tcp_user_timeout": 77_000, "keepalives_idle": 7}

    found = bound()

    assert (found["TCP_USER_TIMEOUT"], found["TCP_KEEPIDLE"]) == (77_000, 7)


def test_a_default_timeout_of_the_site_does_not_touch_the_driver(options):
    socket.setdefaulttimeout(5)
    try:
        bound()
        assert connection.is_usable()
    finally:
        socket.setdefaulttimeout(None)
