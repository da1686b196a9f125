"""
Database connections between tasks.

Django closes connections after each request. A worker keeps them, since opening one
costs more than a short task. Before the next task, a broken connection is replaced, and
what the task has changed in its session is undone.

Between tasks the driver's connection is parked: Django's wrapper has no connection, as
before its first query. So a task without queries costs nothing, and an open connection
shows that a task has used it.
"""

from threading import get_ident
from time import monotonic
from typing import Any

from django.db import connections
from django.db.utils import Error as DatabaseFault

from taskhub.db import discard, forget_queries
from taskhub.execution.isolation.sessions import reset
from taskhub.foundation.readiness import wait_readable

#: A connection that was parked for longer is checked: it may have been closed.
_IDLE_SECONDS = 1.0


class ConnectionKeeper:
    """
    Looks after a thread's connections `before` and `after` each task.

    The keeper has references to Django's wrappers, since looking them up takes time.
    """

    def __init__(self) -> None:
        self._tracked: list[_TrackedConnection] = []
        self._thread = 0

    def before(self) -> None:
        """Park connections that were opened between tasks."""
        forget_queries()
        for tracked in self._open_connections():
            if not tracked.wrapper.in_atomic_block:
                tracked.park()

    def after(self) -> None:
        """Reset the sessions of the task's connections, or replace the connections."""
        self.mend()
        for tracked in self._open_connections():
            if tracked.is_too_old or not reset(tracked.wrapper):
                discard(tracked.wrapper)
            else:
                tracked.park()
        forget_queries()

    def mend(self) -> None:
        """Replace broken connections, and those in a transaction; keep the others."""
        for tracked in self._open_connections():
            connection = tracked.wrapper
            if _is_left_open(connection):
                discard(connection)
                self._replace(tracked)
            elif connection.errors_occurred:
                _discard_if_broken(connection)

    def _replace(self, tracked: "_TrackedConnection") -> None:
        # A new wrapper, since the old one would still be in a transaction.
        alias = tracked.wrapper.alias
        del connections[alias]
        self._tracked.remove(tracked)
        self._tracked.append(_TrackedConnection(connections[alias]))

    @property
    def has_open(self) -> bool:
        """Whether a connection is open and not parked. For any thread."""
        return any(tracked.wrapper.connection is not None for tracked in self._tracked)

    def _open_connections(self) -> "list[_TrackedConnection]":
        if get_ident() != self._thread or not self._tracked:
            self._thread = get_ident()
            self._tracked = [_TrackedConnection(each) for each in connections.all()]
        return [
            tracked
            for tracked in self._tracked
            if tracked.wrapper.connection is not None or tracked.wrapper.in_atomic_block
        ]


class _TrackedConnection:
    """One of Django's wrappers, and its driver's connection while that is parked."""

    __slots__ = ("_connect", "_opened_at", "_parked", "_parked_at", "wrapper")

    def __init__(self, wrapper: Any) -> None:
        self.wrapper = wrapper
        self._connect = wrapper.get_new_connection
        self._opened_at = monotonic()
        self._parked: Any = None
        self._parked_at = 0.0
        wrapper.get_new_connection = self._take_or_open

    @property
    def is_too_old(self) -> bool:
        """Whether the connection is older than CONN_MAX_AGE; False if that is 0."""
        # With the default of 0, requests close their connections; workers keep them.
        max_age = self.wrapper.settings_dict["CONN_MAX_AGE"]
        return bool(max_age) and monotonic() >= self._opened_at + max_age

    def park(self) -> None:
        """Take the connection off the wrapper until the wrapper is used."""
        self._parked, self.wrapper.connection = self.wrapper.connection, None
        self._parked_at = monotonic()

    def _take_or_open(self, parameters: dict[str, Any]) -> Any:
        parked, self._parked = self._parked, None
        if parked is not None:
            self.wrapper.connection = parked
            if monotonic() - self._parked_at > _IDLE_SECONDS or _is_readable(
                self.wrapper
            ):
                _discard_if_broken(self.wrapper)
            if self.wrapper.connection is not None:
                return parked
        self._opened_at = monotonic()
        return self._connect(parameters)


def _is_readable(connection: Any) -> bool:
    """Whether the server has sent something, perhaps the end of the connection."""
    if connection.vendor != "postgresql":
        return False
    try:
        with connection.wrap_database_errors:
            descriptor = connection.connection.fileno()
        return bool(wait_readable([descriptor], 0))
    except (OSError, ValueError, DatabaseFault):
        return True


def _is_left_open(connection: Any) -> bool:
    """Whether a task has left a transaction open."""
    try:
        return connection.in_atomic_block or (
            connection.connection is not None
            and connection.get_autocommit() != connection.settings_dict["AUTOCOMMIT"]
        )
    except DatabaseFault:
        return True


def _discard_if_broken(connection: Any) -> None:
    # is_usable() is always True on SQLite, and Django's own cursor would reconnect.
    try:
        if connection.connection is not None:
            with connection.wrap_database_errors:
                cursor = connection.connection.cursor()
                cursor.execute("SELECT 1")
                cursor.fetchall()
                cursor.close()
    except (DatabaseFault, OSError):
        discard(connection)
    connection.errors_occurred = False
