"""
Limit how long this process waits for a database that became unreachable.

If a host crashes, or a firewall drops a connection, TCP waits for minutes to hours.
Long statements are not affected: the system of a reachable server answers probes.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

from django.db import connections
from django.db.backends.signals import connection_created

from taskhub.db import discard

#: How long sent data may stay unacknowledged.
ACKNOWLEDGE_SECONDS = 10
#: After how long an idle connection is probed, at which interval, and after how many
#: probes without an answer it is closed. Probes also keep firewalls from dropping it.
KEEPALIVE_IDLE_SECONDS = 10
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_COUNT = 3
CONNECT_SECONDS = 30

#: Options of libpq, which ignores those that the system does not support.
_POSTGRESQL_OPTIONS = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": ACKNOWLEDGE_SECONDS * 1000,
    "keepalives": 1,
    "keepalives_idle": KEEPALIVE_IDLE_SECONDS,
    "keepalives_interval": KEEPALIVE_INTERVAL_SECONDS,
    "keepalives_count": KEEPALIVE_COUNT,
}
_MYSQL_OPTIONS = {"connect_timeout": CONNECT_SECONDS}
#: For the sockets of MySQL and MariaDB: mysqlclient has no options for these values.
_SOCKET_OPTIONS = {
    "TCP_USER_TIMEOUT": ACKNOWLEDGE_SECONDS * 1000,
    "TCP_KEEPIDLE": KEEPALIVE_IDLE_SECONDS,
    "TCP_KEEPINTVL": KEEPALIVE_INTERVAL_SECONDS,
    "TCP_KEEPCNT": KEEPALIVE_COUNT,
}
#: The driver's connections to MySQL and MariaDB whose sockets have these options.
_configured: "WeakSet[Any]" = WeakSet()


def set_network_timeouts() -> None:
    """
    Limit waiting for silent databases in this process and its forks.

    Keep the options that the site has set. Close this thread's connections to
    PostgreSQL and MySQL, except for connections in a transaction.
    """
    for alias in connections:
        match connections[alias].vendor:
            case "postgresql":
                _add_options(alias, _POSTGRESQL_OPTIONS)
            case "mysql":
                connection_created.connect(_configure_socket)
                _add_options(alias, _MYSQL_OPTIONS)


def _add_options(alias: str, options: Mapping[str, int]) -> None:
    site_options = connections.settings[alias]["OPTIONS"]
    site_options.update(options | site_options)
    # A connection that is open already does not have these options.
    if not connections[alias].in_atomic_block:
        discard(connections[alias])


def _configure_socket(sender: Any, connection: Any, **_: Any) -> None:
    """Set the options of the socket of a new connection to MySQL."""
    driver = connection.connection
    is_mysql = connection.vendor == "mysql" and hasattr(driver, "fileno")
    if not is_mysql or driver in _configured:
        return
    _configured.add(driver)
    descriptor = driver.fileno()
    # After socket.setdefaulttimeout(), socket() makes the shared socket non-blocking.
    was_blocking = os.get_blocking(descriptor)
    with socket.socket(fileno=os.dup(descriptor)) as duplicate:
        if duplicate.family in (socket.AF_INET, socket.AF_INET6):
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _SOCKET_OPTIONS.items():
                # Not every system has all options.
                if hasattr(socket, name):
                    option = getattr(socket, name)
                    duplicate.setsockopt(socket.IPPROTO_TCP, option, value)
    os.set_blocking(descriptor, was_blocking)
