"""
Database connections between tasks.

Django closes connections after each request. A worker keeps them: opening one costs
more than a short task. What a task has broken is replaced before the next one.
"""

from threading import get_ident
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import connections, reset_queries
from django.db.utils import Error as DatabaseFault

from taskhub.discarding import discard
from taskhub.readiness import wait_readable

#: A connection that was idle for longer may have been closed by the server, or by
#: something on the way to it.
_IDLE_SECONDS = 1.0


class ConnectionKeeper:
    """
    Looks after a thread's connections, `before` and `after` each task.

    It keeps hold of Django's wrappers: to look them up costs more than a look at them.
    """

    def __init__(self) -> None:
        self._last_used = monotonic()
        self._wrappers: list[Any] = []
        self._thread = 0

    def before(self) -> None:
        """Replace what broke while nothing was run."""
        if settings.DEBUG:
            reset_queries()
        was_idle = monotonic() - self._last_used > _IDLE_SECONDS
        for connection in self._open_connections():
            if was_idle or _has_something_to_say(connection):
                _discard_if_broken(connection)

    def after(self) -> None:
        """Replace what the task broke, or left in a transaction."""
        self._last_used = monotonic()
        for connection in self._open_connections():
            if _is_left_open(connection):
                discard(connection)
                # The old object would still believe that it is in a transaction.
                del connections[connection.alias]
                self._wrappers = []
            elif _is_too_old(connection):
                discard(connection)
            elif connection.errors_occurred:
                _discard_if_broken(connection)

    def _open_connections(self) -> list[Any]:
        if get_ident() != self._thread or not self._wrappers:
            self._thread = get_ident()
            self._wrappers = list(connections.all())
        return [
            each
            for each in self._wrappers
            if each.connection is not None or each.in_atomic_block
        ]


def _has_something_to_say(connection: Any) -> bool:
    """Whether there is something to read, though nothing was asked: its end?"""
    if connection.vendor != "postgresql" or connection.connection is None:
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


def _is_too_old(connection: Any) -> bool:
    # CONN_MAX_AGE is 0 unless it was set, and for requests means "close at once".
    return bool(
        connection.settings_dict["CONN_MAX_AGE"]
        and connection.close_at is not None
        and monotonic() >= connection.close_at
    )


def _discard_if_broken(connection: Any) -> None:
    # Not is_usable(): on SQLite that is always true.
    try:
        if connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
    except DatabaseFault:
        discard(connection)
    connection.errors_occurred = False
