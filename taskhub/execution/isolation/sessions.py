"""
Database sessions: resetting what a task has changed in them on the server.

Settings such as search_path, roles, temporary tables and session locks outlive the task
that set them, and so does a statement that an exception has interrupted.
"""

import logging
from collections.abc import Callable
from threading import Thread
from typing import Any

from django.db import connections
from django.db.utils import Error as DatabaseFault

from taskhub.db import discard

logger = logging.getLogger(__name__)

#: How long to wait for a server to cancel a statement.
_CANCEL_SECONDS = 1.0
#: The transaction status of libpq outside of transactions, and during a statement.
_IDLE, _ACTIVE = 0, 1

#: DISCARD ALL without DEALLOCATE ALL. It is slower, but also one round trip.
_DISCARD_ALL_BUT_PREPARED = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; "
    "SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
)


def reset(connection: Any) -> bool:
    """
    Reset the session of a connection. Block for a round trip.

    Return False if the connection cannot be used for another task: it is lost, is in a
    statement or a transaction, or cannot be reset.
    """
    reset_session = _RESETS.get(connection.vendor, _obey_max_age)
    try:
        with connection.wrap_database_errors:
            return reset_session(connection)
    except (DatabaseFault, OSError):
        # The connection is lost.
        return False


def _reset_postgresql(connection: Any) -> bool:
    driver = connection.connection
    status = driver.info.transaction_status
    if status != _IDLE:
        if status == _ACTIVE:
            _cancel(connection)
        return False
    # psycopg would still use the statements that it has prepared.
    prepares = getattr(driver, "prepare_threshold", None) is not None
    with driver.cursor() as cursor:
        cursor.execute(_DISCARD_ALL_BUT_PREPARED if prepares else "DISCARD ALL")
    return True


def _reset_mysql(connection: Any) -> bool:
    # mysqlclient does not offer mysql_reset_connection().
    wanted = connection.get_connection_params()
    if "user" not in wanted or not hasattr(connection.connection, "change_user"):
        return _obey_max_age(connection)
    driver = connection.connection
    driver.change_user(
        wanted["user"], wanted.get("password", ""), wanted.get("database", "")
    )
    # The driver does the following for new connections only.
    if collation := wanted.get("collation"):
        driver.set_character_set(wanted.get("charset", "utf8mb4"), collation)
    if sql_mode := wanted.get("sql_mode"):
        driver.set_sql_mode(sql_mode)
    if init_command := wanted.get("init_command"):
        with driver.cursor() as cursor:
            cursor.execute(init_command)
    return True


def _reset_sqlite(connection: Any) -> bool:
    driver = connection.connection
    if driver.in_transaction:
        return False
    # More than one means temporary tables or attached databases.
    databases = driver.execute("PRAGMA database_list").fetchall()
    return len(databases) == 1


def _obey_max_age(connection: Any) -> bool:
    """For vendors without a reset, return whether requests keep their connections."""
    return bool(connection.settings_dict["CONN_MAX_AGE"] != 0)


_RESETS: dict[str, Callable[[Any], bool]] = {
    "postgresql": _reset_postgresql,
    "mysql": _reset_mysql,
    "sqlite": _reset_sqlite,
}


def cancel_statements() -> None:
    """
    Cancel the statement that this thread waits for, before an exception interrupts it.

    Block for up to a second. Outside of a transaction, close the connection; the task
    gets a new one. For PostgreSQL: other drivers cannot be interrupted in a statement.
    """
    for connection in connections.all(initialized_only=True):
        if _is_amid_statement(connection):
            _cancel(connection)
            if not connection.in_atomic_block:
                discard(connection)


def _is_amid_statement(connection: Any) -> bool:
    driver = connection.connection
    if connection.vendor != "postgresql" or driver is None:
        return False
    return bool(driver.info.transaction_status == _ACTIVE)


def _cancel(connection: Any) -> None:
    # In a thread, since the server, or a proxy before the server, may not answer.
    canceller = Thread(target=_ask_to_cancel, args=[connection], daemon=True)
    canceller.start()
    canceller.join(_CANCEL_SECONDS)


def _ask_to_cancel(connection: Any) -> None:
    try:
        with connection.wrap_database_errors:
            connection.connection.cancel()
    except DatabaseFault as error:
        # The connection is closed in any case, and the statement ends by itself.
        logger.debug("Cannot cancel a statement: %s", error)
