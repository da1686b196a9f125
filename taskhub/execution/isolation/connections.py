"""
Database connections between tasks.

Django closes connections after each request. A worker keeps them: opening one costs
more than a short task. What a task has broken is replaced, and what it has left in its
session is undone, before the next one.

Between tasks the driver's connection is parked: Django's wrapper has none, as before
its first query. So a task that uses none costs nothing, and whether it has used one is
seen without looking at its statements.
"""

from threading import get_ident
from time import monotonic
from typing import Any

from django.db import connections
from django.db.utils import Error as DatabaseFault

from taskhub.discarding import discard, forget_queries
from taskhub.execution.isolation.sessions import reset
from taskhub.foundation.readiness import wait_readable

#: A connection that was idle for longer may have been closed by the server, or by
#: something on the way to it.
_IDLE_SECONDS = 1.0


class ConnectionKeeper:
    """
    Looks after a thread's connections, `before` and `after` each task.

    It keeps hold of Django's wrappers: to look them up costs more than a look at them.
    """

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._thread = 0

    def before(self) -> None:
        """Park what was opened between tasks: so it is seen whether a task uses it."""
        forget_queries()
        for place in self._open_places():
            if not place.wrapper.in_atomic_block:
                place.park()

    def after(self) -> None:
        """Have the server forget the task's session, or replace the connection."""
        self.mend()
        for place in self._open_places():
            if place.is_too_old or not reset(place.wrapper):
                discard(place.wrapper)
            else:
                place.park()
        forget_queries()

    def mend(self) -> None:
        """Replace what a task broke, or left in a transaction; others may go on."""
        for place in self._open_places():
            connection = place.wrapper
            if _is_left_open(connection):
                discard(connection)
                self._replace(place)
            elif connection.errors_occurred:
                _discard_if_broken(connection)

    def _replace(self, place: "_Place") -> None:
        # The old wrapper would still believe that it is in a transaction.
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
        """Whether it was open for CONN_MAX_AGE, which by default is no bound here."""
        # 0 is the default, and for requests means "close at once".
        most = self.wrapper.settings_dict["CONN_MAX_AGE"]
        return bool(most) and monotonic() >= self._opened_at + most

    def park(self) -> None:
        """Take the connection off the wrapper, which connects again when it is used."""
        self._parked, self.wrapper.connection = self.wrapper.connection, None
        self._parked_at = monotonic()

    def _take_or_open(self, parameters: dict[str, Any]) -> Any:
        """Stand in for the wrapper's get_new_connection()."""
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
    """Whether there is something to read, though nothing was asked: its end?"""
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
    # Not is_usable(): on SQLite that is always true. By the driver's own cursor, since
    # Django's may be about to connect.
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
