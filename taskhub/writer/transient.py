"""
Transient errors: about the database or this process, and not about a row's content.

Most errors say which of the two it is. Others, such as a lost connection, may be
either: the server is gone, or it has closed the connection because a packet was too
large. Then a write that changes nothing is tried: it fails if the server is gone.
"""

from typing import Any

from django.db.utils import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from django.db.utils import Error as DatabaseFault

from taskhub.db import discard_all, tells_of_contention
from taskhub.writer.outages import is_about_server, probe

# Codes for an unknown column, an unknown table, and no value for a column.
_MYSQL_SCHEMA = (1054, 1146, 1364)


def is_transient(error: Exception) -> bool:
    """
    Whether an error is about the database or this process, and not about some rows.

    If the error does not say, close this thread's connections, and block for a write.
    """
    if isinstance(error, MemoryError):
        return True
    if not may_be_transient(error):
        return False
    tells = (_is_about_schema, tells_of_contention, is_about_server)
    if any(each(error) for each in tells):
        return True
    discard_all()
    try:
        probe()
    except DatabaseFault:
        return True
    return False


def may_be_transient(error: Exception) -> bool:
    """Whether the same write may succeed later, as far as the error says."""
    is_about_content = isinstance(error, DataError | IntegrityError)
    return isinstance(error, DatabaseFault) and not is_about_content


def _is_about_schema(error: Exception) -> bool:
    """Whether the tables do not fit the code: a migration was not applied yet."""
    driver: Any = error.__cause__
    return (
        isinstance(error, ProgrammingError | NotSupportedError)
        or getattr(driver, "sqlite_errorname", "") == "SQLITE_ERROR"
        or (bool(error.args) and error.args[0] in _MYSQL_SCHEMA)
    )
