"""
Errors that pass: about the database or this process, and not about what a row holds.

Most errors say which of the two it is. Others, such as a lost connection, may be
either: the server is gone, or it has hung up on a packet that was too big for it. Then
a write that changes nothing is tried: if the server takes that, it is not away.
"""

from typing import Any

from django.db.utils import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from django.db.utils import Error as DatabaseFault

from taskhub.deadlocks import tells_of_contention
from taskhub.discarding import discard_all
from taskhub.writer.outages import probe, tells_of_server

# Unknown column, unknown table, no value for a column.
_MYSQL_SCHEMA = (1054, 1146, 1364)


def is_transient(error: Exception) -> bool:
    """
    Whether an error is about the database or this process, and not about some rows.

    Blocks for an attempt to write where the error does not say that. The connection may
    be closed then.
    """
    if isinstance(error, MemoryError):
        return True
    if not may_be_transient(error):
        return False
    tells = (_tells_of_schema, tells_of_contention, tells_of_server)
    if any(each(error) for each in tells):
        return True
    discard_all()
    try:
        probe()
    except DatabaseFault:
        return True
    return False


def may_be_transient(error: Exception) -> bool:
    """Whether the same may succeed later, as far as the error itself says."""
    is_about_content = isinstance(error, DataError | IntegrityError)
    return isinstance(error, DatabaseFault) and not is_about_content


def _tells_of_schema(error: Exception) -> bool:
    """Whether the tables do not fit the code: they are about to be migrated."""
    driver: Any = error.__cause__
    return (
        isinstance(error, ProgrammingError | NotSupportedError)
        or getattr(driver, "sqlite_errorname", "") == "SQLITE_ERROR"
        or (bool(error.args) and error.args[0] in _MYSQL_SCHEMA)
    )
