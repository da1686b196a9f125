"""Outages of the results' database, recognised by what tasks raise."""

from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.db.utils import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from django.db.utils import Error as DatabaseFault

from taskhub.foundation.exception_tree import related
from taskhub.models import Lease
from taskhub.models.base import results_database

#: Errors about the statement. All other errors of a database may be temporary.
_ABOUT_CONTENT = (DataError, IntegrityError, NotSupportedError, ProgrammingError)

# Codes of errors about the server: it is out of disk, memory or connections, or it is
# read-only. Those of PostgreSQL and SQLite are prefixes.
_POSTGRESQL_SERVER_CODES = ("53", "25006")
_MYSQL_SERVER_CODES = (1021, 1037, 1040, 1041, 1290, 1792, 1836)
_SQLITE_SERVER_CODES = ("SQLITE_FULL", "SQLITE_READONLY")

# Codes and words of errors about closed connections. PostgreSQL's codes are prefixes.
_POSTGRESQL_CLOSED_CODES = ("08", "57P0")
_POSTGRESQL_CLOSED_WORDS = ("connection", "server", "ssl", "eof")
_MYSQL_CLOSED_CODES = (0, 1053, 1927, 2006, 2013, 2055, 4031)


def concerns_database(error: BaseException) -> bool:
    """Whether an error may be an outage, so that is_outage() may query the database."""
    return any(map(_may_be_temporary, related(error)))


def is_outage(error: BaseException) -> bool:
    """
    Whether a task failed because the results' database is away.

    Block for an attempt to write, on a new connection, unless the error does not come
    from a database. An outage of another database is a failure of the task.
    """
    faults = [each for each in related(error) if _may_be_temporary(each)]
    return any(map(is_about_server, faults)) or (bool(faults) and not _takes_writes())


def was_cut_off(error: BaseException) -> bool:
    """
    Whether a task failed because its connection was closed; the server may be up.

    An operator may have closed the connection, or the server because of the statement.
    The errors of drivers do not say to which database the connection was.
    """
    return any(
        _may_be_temporary(each) and _is_about_closed_connection(each)
        for each in related(error)
    )


def probe() -> None:
    """Execute a write that changes no row; raise a database's error if it fails."""
    Lease.writing.filter(token="").update(ends_at=datetime.now(UTC))


def is_about_server(error: BaseException) -> bool:
    """Whether an error says that the server accepts no writes at all now."""
    driver: Any = error.__cause__
    if (failed_connection := getattr(driver, "pgconn", None)) is not None:
        # No connection could be opened, perhaps to another database.
        name = connections[results_database()].settings_dict["NAME"]
        return bool(failed_connection.db == str(name).encode())
    state = getattr(driver, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_POSTGRESQL_SERVER_CODES)
    if name := getattr(driver, "sqlite_errorname", None):
        return str(name).startswith(_SQLITE_SERVER_CODES)
    return bool(error.args) and error.args[0] in _MYSQL_SERVER_CODES


def _is_about_closed_connection(error: BaseException) -> bool:
    driver: Any = error.__cause__
    if getattr(driver, "pgconn", None) is not None:
        # There was no connection yet.
        return False
    if hasattr(driver, "sqlstate"):
        state = driver.sqlstate
        if state:
            return bool(state.startswith(_POSTGRESQL_CLOSED_CODES))
        # Errors that libpq finds itself have no code.
        text = str(error).lower()
        return any(word in text for word in _POSTGRESQL_CLOSED_WORDS)
    return bool(error.args) and error.args[0] in _MYSQL_CLOSED_CODES


def _may_be_temporary(error: BaseException) -> bool:
    return isinstance(error, DatabaseFault) and not isinstance(error, _ABOUT_CONTENT)


def _takes_writes() -> bool:
    # Not on the thread's own connection: a task may have left it in any state.
    connection = connections[results_database()].copy()
    table = connection.ops.quote_name(Lease._meta.db_table)
    try:
        with connection.cursor() as cursor:
            # It changes no row, and is refused if changes would be refused.
            cursor.execute(f"UPDATE {table} SET token = token WHERE token = ''")  # noqa: S608
    except DatabaseFault:
        return False
    finally:
        connection.close()
    return True
