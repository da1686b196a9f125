"""
How long this process waits for a database that the network no longer reaches.

A firewall forgets idle connections, and a host vanishes, without a word. TCP then waits
for minutes to hours, and with it whoever has sent a statement. A server that works on a
long statement is not waited for less: its system answers what this module asks.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

from django.db import connections
from django.db.backends.signals import connection_created

from taskhub.discarding import discard

#: Without an answer for so long to what was sent, a connection is lost.
SILENCE_SECONDS = 10
#: An idle connection is asked after so long whether its other end is there, and how
#: often until it answers. It also keeps firewalls from forgetting it.
KEEPALIVE_SECONDS = 10
KEEPALIVE_AGAIN_SECONDS = 5
KEEPALIVE_TIMES = 3
#: What it may take to open a connection.
CONNECT_SECONDS = 30

#: Of libpq. What a system does not have of these, it ignores.
_POSTGRESQL = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
    "keepalives": 1,
    "keepalives_idle": KEEPALIVE_SECONDS,
    "keepalives_interval": KEEPALIVE_AGAIN_SECONDS,
    "keepalives_count": KEEPALIVE_TIMES,
}
_MYSQL = {"connect_timeout": CONNECT_SECONDS}
#: Of sockets; mysqlclient has no options for these.
_SOCKET = {
    "TCP_USER_TIMEOUT": SILENCE_SECONDS * 1000,
    "TCP_KEEPIDLE": KEEPALIVE_SECONDS,
    "TCP_KEEPINTVL": KEEPALIVE_AGAIN_SECONDS,
    "TCP_KEEPCNT": KEEPALIVE_TIMES,
}
#: MySQL's connections whose sockets were seen to.
_bounded: "WeakSet[Any]" = WeakSet()


def bound_network_waits() -> None:
    """
    Give up connections to databases that are silent, in this process and its forks.

    What the site has set in OPTIONS stays as it is. Closes this thread's connections,
    but for one that is in a transaction.
    """
    for alias in connections:
        match connections[alias].vendor:
            case "postgresql":
                _add(alias, _POSTGRESQL)
            case "mysql":
                connection_created.connect(_bound_socket)
                _add(alias, _MYSQL)


def _add(alias: str, more: Mapping[str, int]) -> None:
    options = connections.settings[alias]["OPTIONS"]
    for name, value in more.items():
        options.setdefault(name, value)
    # What is open already was opened without them.
    if not connections[alias].in_atomic_block:
        discard(connections[alias])


def _bound_socket(sender: Any, connection: Any, **_: Any) -> None:
    """Set on a new connection of MySQL what its driver has no options for."""
    driver = connection.connection
    if (
        connection.vendor != "mysql"
        or driver in _bounded
        or not hasattr(driver, "fileno")
    ):
        return
    _bounded.add(driver)
    descriptor = driver.fileno()
    # A site's socket.setdefaulttimeout() would change what both descriptors share.
    was_blocking = os.get_blocking(descriptor)
    with socket.socket(fileno=os.dup(descriptor)) as twin:
        if twin.family in (socket.AF_INET, socket.AF_INET6):
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _SOCKET.items():
                # Not every system has all of them.
                if hasattr(socket, name):
                    option = getattr(socket, name)
                    twin.setsockopt(socket.IPPROTO_TCP, option, value)
    os.set_blocking(descriptor, was_blocking)
