"""
Deadlocks: two transactions that wait for each other, of which the database ends one.

So it does, at REPEATABLE READ and SERIALIZABLE, with one of two that cannot have been
one after the other. Nothing of it has happened then, and it can be done again.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import connections
from django.db.utils import OperationalError

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


def _tries_for(error: OperationalError) -> int:
    """Return how often to try what has failed so."""
    # By its code: what a server says may be in another language.
    driver: Any = error.__cause__
    code = getattr(driver, "sqlstate", None) or next(iter(error.args), None)
    if code in _NOT_SERIALISED:
        return _MOST_TRIES
    return _MOST_TRIES_OF_LOCKS if code in _LOCKED else 1
