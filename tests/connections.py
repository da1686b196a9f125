"""The database's connections, seen and cut from outside, as when it is restarted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, connections

from tests.servers import wait_until

_WHO = {
    "postgresql": "SELECT pg_backend_pid()",
    "mysql": "SELECT CONNECTION_ID()",
}
_IDLE_SECONDS = {
    "postgresql": (
        "SELECT pid, extract(epoch FROM clock_timestamp() - state_change) "
        "FROM pg_stat_activity WHERE datname = current_database()"
    ),
    "mysql": (
        "SELECT id, time FROM information_schema.processlist WHERE db = DATABASE()"
    ),
}
_STATEMENTS = {
    "postgresql": (
        "SELECT pid FROM pg_stat_activity WHERE state = 'active' "
        "AND query LIKE %s AND pid <> pg_backend_pid()"
    ),
    "mysql": (
        "SELECT id FROM information_schema.processlist "
        "WHERE info LIKE %s AND id <> CONNECTION_ID()"
    ),
}
_CUT = {
    "postgresql": "SELECT pg_terminate_backend(%s)",
    "mysql": "KILL CONNECTION %s",
}


def connection_id() -> int:
    """The number by which the server knows this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute(_WHO[connection.vendor])
        return cursor.fetchone()[0]


def idle_seconds() -> dict[int, float]:
    """For how long each connection to this database has done nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_IDLE_SECONDS[connection.vendor])
        return dict(cursor.fetchall())


def statements(words: str) -> list[int]:
    """The connections on which a statement with these words is running."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS[connection.vendor], [f"%{words}%"])
        return [number for (number,) in cursor.fetchall()]


def cut_others() -> None:
    """Cut every connection to this database but this thread's."""
    mine = connection_id()
    for number in idle_seconds().keys() - {mine}:
        cut(number)


def cut(number: int) -> None:
    """Cut a connection, and wait until it is no more."""
    with connection.cursor() as cursor:
        cursor.execute(_CUT[connection.vendor], [number])
    wait_until(lambda: number not in idle_seconds(), "its end")


def lose_connection() -> None:
    """Have this thread's connection cut, without Django's knowing."""
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        connection.connection.close()
        return
    with ThreadPoolExecutor(1) as other:
        other.submit(cut, connection_id()).result()
        other.submit(connections.close_all).result()


def on_another_connection(function: Callable[..., object], *arguments: object) -> None:
    """Call it where this thread's transaction is not; it is committed at once."""
    with ThreadPoolExecutor(1) as other:
        other.submit(function, *arguments).result()
        other.submit(connections.close_all).result()
