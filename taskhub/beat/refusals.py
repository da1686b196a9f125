"""
What the database refuses: because it is away, or because of what one row holds.

Most errors say which of the two it is. Others, such as a lost connection, may be
either: the server is gone, or it has hung up on a packet that was too big for it. Then
a write that changes nothing is tried: if the server takes that, it is not away.
"""

import logging
from collections.abc import Iterable
from typing import Any

from django.db.utils import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from django.db.utils import Error as DatabaseFault

from taskhub import writer
from taskhub.beat.pausing import name_of
from taskhub.discarding import discard_all

logger = logging.getLogger(__name__)

#: After so many refusals of one row, while others are taken, it is the row.
MAX_REFUSALS = 5
#: How long a row is left alone after it was refused.
REFUSED_SECONDS = 1.0
# Unknown column, unknown table, no value for a column.
_MYSQL_SCHEMA = (1054, 1146, 1364)
# Others were at the same rows, or at the same file.
_MYSQL_CONTENTION = (1020, 1205, 1213)
_POSTGRESQL_CONTENTION = ("40", "55P03")
_SQLITE_CONTENTION = ("SQLITE_BUSY", "SQLITE_LOCKED")


def is_outage(error: Exception) -> bool:
    """
    Whether an error is about the database or this process, and not about some rows.

    Blocks for an attempt to write where the error does not say that. The connection may
    be closed then.
    """
    if isinstance(error, MemoryError):
        return True
    if not _may_pass(error):
        return False
    tells = (_tells_of_schema, _tells_of_contention, writer.tells_of_server)
    if any(each(error) for each in tells):
        return True
    discard_all()
    try:
        writer.probe()
    except DatabaseFault:
        return True
    return False


def _may_pass(error: Exception) -> bool:
    """Whether the same may succeed later, as far as the error itself says."""
    is_about_content = isinstance(error, DataError | IntegrityError)
    return isinstance(error, DatabaseFault) and not is_about_content


def _tells_of_contention(error: Exception) -> bool:
    """Whether the same may succeed a moment later: it is nobody's fault."""
    driver: Any = error.__cause__
    state = getattr(driver, "sqlstate", None) or ""
    name = getattr(driver, "sqlite_errorname", None) or ""
    return (
        state.startswith(_POSTGRESQL_CONTENTION)
        or name.startswith(_SQLITE_CONTENTION)
        or (bool(error.args) and error.args[0] in _MYSQL_CONTENTION)
    )


def _tells_of_schema(error: Exception) -> bool:
    """Whether the tables do not fit the code: they are about to be migrated."""
    driver: Any = error.__cause__
    return (
        isinstance(error, ProgrammingError | NotSupportedError)
        or getattr(driver, "sqlite_errorname", "") == "SQLITE_ERROR"
        or (bool(error.args) and error.args[0] in _MYSQL_SCHEMA)
    )


class Refusals:
    """Counts how often in a row the database has refused each row that stood alone."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def pause_after(self, pk: int, error: Exception) -> float:
        """Return how long to leave a row alone; 0 if it is the row that is wrong."""
        count = self._counts.pop(pk, 0) + 1
        if not _may_pass(error) or count >= MAX_REFUSALS:
            return 0
        if count == 1:
            logger.warning("Cannot fire %s now: %s Trying again.", name_of(pk), error)
        self._counts[pk] = count
        return REFUSED_SECONDS

    def forget(self, pks: Iterable[int]) -> None:
        """Note that rows were dealt with."""
        for pk in pks if self._counts else ():
            self._counts.pop(pk, None)
