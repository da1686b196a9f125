"""
Database connections of long-running processes.

`discard` closes connections that may be broken. `again_after_deadlock` repeats a
transaction that the database has rolled back because of others: after a deadlock, a
long wait for a lock, or a serialisation failure at REPEATABLE READ or SERIALIZABLE.
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

#: The limit for transactions that cannot be serialised. At SERIALIZABLE, most
#: transactions on a small table conflict, and each conflict fails without waiting.
_MAX_TRIES = 20
#: The limit for transactions that wait for locks. Each try may wait as long as the
#: database allows.
_MAX_LOCK_TRIES = 5

#: The codes of PostgreSQL, and of MariaDB with innodb_snapshot_isolation, for
#: transactions that cannot be serialised.
_NOT_SERIALISED = ("40001", 1020)
#: The codes of deadlocks, and of waits for locks that were too long.
_LOCKED = ("40P01", "55P03", 1213, 1205)
#: The first digits of PostgreSQL's codes for transactions that it has rolled back.
_ROLLED_BACK = "40"
#: The codes of SQLite while another connection writes.
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")


def discard(connection: Any) -> None:
    """Close a connection that may be broken. The next query reconnects."""
    try:
        connection.close()
    except DatabaseFault as error:
        # Some drivers cannot close a lost connection.
        logger.debug("Cannot close a connection: %s", error)
        connection.connection = None


def discard_all(*, for_fork: bool = False) -> None:
    """
    Close this thread's connections.

    With `for_fork`, also close pools. Parent and child must not share sockets.
    """
    for connection in connections.all(initialized_only=True):
        discard(connection)
        if for_fork and hasattr(connection, "close_pool"):
            connection.close_pool()


def forget_queries() -> None:
    """Delete this thread's query log; with DEBUG, Django keeps thousands of queries."""
    if settings.DEBUG:
        reset_queries()


def again_after_deadlock(
    alias: Callable[[], str],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Decorate a function to be repeated after a deadlock or another such rollback.

    The function must be one transaction on the database that `alias` returns. Raise the
    error of the last try. Inside a transaction of the caller, raise the first error,
    since the caller's whole transaction was rolled back.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            connection: Any = connections[alias()]
            tries = 1 if connection.in_atomic_block else _MAX_TRIES
            for number in range(1, tries + 1):
                try:
                    return function(*args, **kwargs)
                except OperationalError as error:
                    if number >= min(tries, _tries_for(error)):
                        raise
                # At random, so that the transactions do not conflict again.
                time.sleep(random.uniform(0, 0.02 * number))  # noqa: S311
            raise AssertionError("The last try returns or raises.")

        return run

    return decorate


def tells_of_contention(error: Exception) -> bool:
    """Return whether an error is a conflict with other transactions."""
    code = _code_of(error)
    if isinstance(code, str) and code.startswith((_ROLLED_BACK, *_BUSY)):
        return True
    return code in (*_NOT_SERIALISED, *_LOCKED)


def _tries_for(error: OperationalError) -> int:
    """Return how many tries to make after an error."""
    code = _code_of(error)
    if code in _NOT_SERIALISED:
        return _MAX_TRIES
    return _MAX_LOCK_TRIES if code in _LOCKED else 1


def _code_of(error: Exception) -> Any:
    """Return the database's code for an error. Its messages may be translated."""
    driver: Any = error.__cause__
    return (
        getattr(driver, "sqlstate", None)
        or getattr(driver, "sqlite_errorname", None)
        or next(iter(error.args), None)
    )
