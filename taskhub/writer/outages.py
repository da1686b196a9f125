"""Outages of the results' database, as they show in what tasks raise."""

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

#: Those are about what was asked; anything else that a database says may pass.
_ABOUT_CONTENT = (DataError, IntegrityError, NotSupportedError, ProgrammingError)

# Codes that tell of the server's state alone: out of disk, memory or connections; or
# read-only, for the time of a failover.
_POSTGRESQL = ("53", "25006")
_MYSQL = (1021, 1037, 1040, 1041, 1290, 1792, 1836)
_SQLITE = ("SQLITE_FULL", "SQLITE_READONLY")

# Codes that tell of a connection that the server, or the network, has ended.
_POSTGRESQL_CUT = ("08", "57P0")
_POSTGRESQL_CUT_WORDS = ("connection", "server", "ssl", "eof")
_MYSQL_CUT = (0, 1053, 1927, 2006, 2013, 2055, 4031)


def concerns_database(error: BaseException) -> bool:
    """Whether it may be an outage: is_outage() may have to ask the database."""
    return any(map(_may_pass, related(error)))


def is_outage(error: BaseException) -> bool:
    """
    Whether a task failed because the results' database is away, and not by itself.

    Blocks for an attempt to write, on a connection of its own, unless the error has
    nothing to do with a database. What is another database's is the task's own matter.
    """
    faults = [each for each in related(error) if _may_pass(each)]
    return any(map(tells_of_server, faults)) or (bool(faults) and not _takes_writes())


def was_cut_off(error: BaseException) -> bool:
    """
    Whether a task failed because its connection was ended; the server may be well.

    Somebody has ended it, or the server did because of what was asked. It may have been
    to another database: the errors of drivers do not tell.
    """
    return any(_may_pass(each) and _tells_of_cut(each) for each in related(error))


def probe() -> None:
    """
    Write something that changes nothing.

    Raise a database's error if it takes no writes now.
    """
    Lease.writing.filter(token="").update(ends_at=datetime.now(UTC))


def tells_of_server(error: BaseException) -> bool:
    """Whether an error says that the server takes no writes now, whatever is asked."""
    driver: Any = error.__cause__
    if (attempt := getattr(driver, "pgconn", None)) is not None:
        # It could not even connect; to this database, or to another one?
        name = connections[results_database()].settings_dict["NAME"]
        return bool(attempt.db == str(name).encode())
    state = getattr(driver, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_POSTGRESQL)
    if name := getattr(driver, "sqlite_errorname", None):
        return str(name).startswith(_SQLITE)
    return bool(error.args) and error.args[0] in _MYSQL


def _tells_of_cut(error: BaseException) -> bool:
    driver: Any = error.__cause__
    if getattr(driver, "pgconn", None) is not None:
        # It was never there.
        return False
    if hasattr(driver, "sqlstate"):
        state = driver.sqlstate
        if state:
            return bool(state.startswith(_POSTGRESQL_CUT))
        # What libpq notices by itself has no code.
        text = str(error).lower()
        return any(word in text for word in _POSTGRESQL_CUT_WORDS)
    return bool(error.args) and error.args[0] in _MYSQL_CUT


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, DatabaseFault) and not isinstance(error, _ABOUT_CONTENT)


def _takes_writes() -> bool:
    # Not the thread's own connection: a task may have left it in any state.
    connection = connections[results_database()].copy()
    table = connection.ops.quote_name(Lease._meta.db_table)
    try:
        with connection.cursor() as cursor:
            # It changes nothing, and is refused where a change would be.
            cursor.execute(f"UPDATE {table} SET token = token WHERE token = ''")  # noqa: S608
    except DatabaseFault:
        return False
    finally:
        connection.close()
    return True
