"""List and end connections to the database, as a restart of the server ends them."""

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

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
_OPEN_TRANSACTIONS = {
    "postgresql": (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND backend_type = 'client backend' "
        "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    ),
    "mysql": (
        "SELECT count(*) FROM information_schema.innodb_trx "
        "JOIN information_schema.processlist ON id = trx_mysql_thread_id "
        "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    ),
}
_CUT = {
    "postgresql": "SELECT pg_terminate_backend(%s)",
    "mysql": "KILL CONNECTION %s",
}


def connection_id() -> int:
    """Return the server's number for this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute(_WHO[connection.vendor])
        return cursor.fetchone()[0]


def idle_seconds() -> dict[int, float]:
    """Return how many seconds each connection to this database has been idle."""
    with connection.cursor() as cursor:
        cursor.execute(_IDLE_SECONDS[connection.vendor])
        return dict(cursor.fetchall())


def statements(words: str) -> list[int]:
    """Return the connections on which a statement with these words is running."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS[connection.vendor], [f"%{words}%"])
        return [number for (number,) in cursor.fetchall()]


def open_transactions() -> int:
    """Return how many others are in a transaction; on SQLite, whether one writes."""
    if connection.vendor == "sqlite":
        return int(_is_locked())
    if connection.vendor == "mysql":
        # What the server tells may be older by 0.1 seconds.
        time.sleep(0.2)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_TRANSACTIONS[connection.vendor])
        return int(cursor.fetchone()[0])


def _is_locked() -> bool:
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        other.rollback()
        return False


def cut_others() -> None:
    """End every connection to this database except this thread's."""
    mine = connection_id()
    for number in idle_seconds().keys() - {mine}:
        cut(number)


def cut(number: int) -> None:
    """End a connection, and wait until the server no longer lists it."""
    with connection.cursor() as cursor:
        cursor.execute(_CUT[connection.vendor], [number])
    wait_until(lambda: number not in idle_seconds(), "its end")


def lose_connection() -> None:
    """End this thread's connection without Django noticing."""
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        connection.connection.close()
        return
    with ThreadPoolExecutor(1) as other:
        other.submit(cut, connection_id()).result()
        other.submit(connections.close_all).result()


def on_another_connection(function: Callable[..., object], *arguments: object) -> None:
    """Call a function outside this thread's transaction, so that it commits at once."""
    with ThreadPoolExecutor(1) as other:
        other.submit(function, *arguments).result()
        other.submit(connections.close_all).result()
