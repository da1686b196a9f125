"""
Database connections of a process that lives long.

`discard` and its kin close connections that may be broken, and forget logged queries.
`again_after_deadlock` repeats a transaction that the database has ended because others
were at the same rows. Nothing of such a transaction has happened.
"""

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import connections, reset_queries
from django.db.utils import Error as DatabaseFault
from django.db.utils import OperationalError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

#: At SERIALIZABLE, a small table has most transactions meet; each is ended at once.
_MOST_TRIES = 20
#: Each may have waited for a lock for as long as the database allows.
_MOST_TRIES_OF_LOCKS = 5

#: PostgreSQL's code, and MariaDB's with innodb_snapshot_isolation, of transactions that
#: cannot have been one after the other.
_NOT_SERIALISED = ("40001", 1020)
#: Codes of deadlocks, and of locks that were waited for too long.
_LOCKED = ("40P01", "55P03", 1213, 1205)
#: PostgreSQL's class of all transactions that it has ended for such reasons.
_ROLLED_BACK = "40"
#: On SQLite, others write to the same file.
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")


def discard(connection: Any) -> None:
    """Close a connection that may be broken; the next query opens a new one."""
    try:
        connection.close()
    except DatabaseFault as error:
        # Some drivers cannot even close a connection that was lost.
        logger.debug("Cannot close a connection: %s", error)
        connection.connection = None


def discard_all(*, for_fork: bool = False) -> None:
    """
    Close this thread's connections.

    A fork must inherit none, nor a pool of them: both would read from one socket.
    """
    for connection in connections.all(initialized_only=True):
        discard(connection)
        if for_fork and hasattr(connection, "close_pool"):
            connection.close_pool()


def forget_queries() -> None:
    """
    Forget what this thread has asked its databases.

    With DEBUG, Django keeps the text of thousands of queries until a request begins.
    """
    if settings.DEBUG:
        reset_queries()


def again_after_deadlock(
    alias: Callable[[], str],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Have a function that is one transaction done again after a deadlock.

    Within a caller's transaction the error is the caller's: all of that is gone.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            connection: Any = connections[alias()]
            tries = 1 if connection.in_atomic_block else _MOST_TRIES
            for number in range(1, tries + 1):
                try:
                    return function(*args, **kwargs)
                except OperationalError as error:
                    if number >= min(tries, _tries_for(error)):
                        raise
                # Not a secret: so that the two do not meet again.
                time.sleep(random.uniform(0, 0.02 * number))  # noqa: S311
            raise AssertionError("The last try returns or raises.")

        return run

    return decorate


def tells_of_contention(error: Exception) -> bool:
    """Whether others were at the same rows: the same may succeed a moment later."""
    code = _code_of(error)
    if isinstance(code, str) and code.startswith((_ROLLED_BACK, *_BUSY)):
        return True
    return code in (*_NOT_SERIALISED, *_LOCKED)


def _tries_for(error: OperationalError) -> int:
    """Return how often to try what has failed so."""
    code = _code_of(error)
    if code in _NOT_SERIALISED:
        return _MOST_TRIES
    return _MOST_TRIES_OF_LOCKS if code in _LOCKED else 1


def _code_of(error: Exception) -> Any:
    """Return the database's code: what it says may be in another language."""
    driver: Any = error.__cause__
    return (
        getattr(driver, "sqlstate", None)
        or getattr(driver, "sqlite_errorname", None)
        or next(iter(error.args), None)
    )
