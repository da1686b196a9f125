"""
Database connections between tasks.

Django closes connections after each request. A worker keeps them, since opening one
costs more than a short task. Before the next task, a broken connection is replaced, and
what the task has changed in its session is undone.

Between tasks the driver's connection is parked: Django's wrapper has none, as before
its first query. So a task without queries costs nothing, and an open connection shows
that a task has used it.
"""

from threading import get_ident
from time import monotonic
from typing import Any

from django.db import connections
from django.db.utils import Error as DatabaseFault

from taskhub.db import discard, forget_queries
from taskhub.execution.isolation.sessions import reset
from taskhub.foundation.readiness import wait_readable

#: A connection that was idle for longer is checked: it may have been closed.
_IDLE_SECONDS = 1.0


class ConnectionKeeper:
    """
    Looks after a thread's connections `before` and `after` each task.

    It keeps references to Django's wrappers, since looking them up takes longer.
    """

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._thread = 0

    def before(self) -> None:
        """Park connections that were opened between tasks."""
        forget_queries()
        for place in self._open_places():
            if not place.wrapper.in_atomic_block:
                place.park()

    def after(self) -> None:
        """Reset the sessions of the task's connections, or replace the connections."""
        self.mend()
        for place in self._open_places():
            if place.is_too_old or not reset(place.wrapper):
                discard(place.wrapper)
            else:
                place.park()
        forget_queries()

    def mend(self) -> None:
        """Replace broken connections, and those in a transaction; keep the others."""
        for place in self._open_places():
            connection = place.wrapper
            if _is_left_open(connection):
                discard(connection)
                self._replace(place)
            elif connection.errors_occurred:
                _discard_if_broken(connection)

    def _replace(self, place: "_Place") -> None:
        # The old wrapper would still count as in a transaction.
        alias = place.wrapper.alias
        del connections[alias]
        self._places.remove(place)
        self._places.append(_Place(connections[alias]))

    @property
    def has_open(self) -> bool:
        """Whether a connection is open and not parked; from any thread."""
        return any(place.wrapper.connection is not None for place in self._places)

    def _open_places(self) -> "list[_Place]":
        if get_ident() != self._thread or not self._places:
            self._thread = get_ident()
            self._places = [_Place(each) for each in connections.all()]
        return [
            place
            for place in self._places
            if place.wrapper.connection is not None or place.wrapper.in_atomic_block
        ]


class _Place:
    """Where the driver's connection of one of Django's wrappers is parked."""

    __slots__ = ("_open", "_opened_at", "_parked", "_parked_at", "wrapper")

    def __init__(self, wrapper: Any) -> None:
        self.wrapper = wrapper
        self._open = wrapper.get_new_connection
        self._opened_at = monotonic()
        self._parked: Any = None
        self._parked_at = 0.0
        wrapper.get_new_connection = self._take_or_open

    @property
    def is_too_old(self) -> bool:
        """Whether it has been open for CONN_MAX_AGE, if that is set."""
        # For requests the default of 0 means to close it at once; here, to keep it.
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
        return self._open(parameters)


def _is_readable(connection: Any) -> bool:
    """Whether there is unexpected input, which may be the end of the connection."""
    if connection.vendor != "postgresql":
        return False
    try:
        with connection.wrap_database_errors:
            descriptor = connection.connection.fileno()
        return bool(wait_readable([descriptor], 0))
    except (OSError, ValueError, DatabaseFault):
        return True


def _is_left_open(connection: Any) -> bool:
    try:
        return connection.in_atomic_block or (
            connection.connection is not None
            and connection.get_autocommit() != connection.settings_dict["AUTOCOMMIT"]
        )
    except DatabaseFault:
        return True


def _discard_if_broken(connection: Any) -> None:
    # Not is_usable(), which is always true on SQLite; Django's cursor would connect.
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
