"""
Deadlocks: two transactions that wait for each other, of which the database ends one.

Nothing of it has happened then, and it can be done again.
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

_MOST_TRIES = 5


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
            for last in (*[False] * (tries - 1), True):
                try:
                    return function(*args, **kwargs)
                except OperationalError as error:
                    if last or not _is_deadlock(error):
                        raise
                # Not a secret: so that the two do not meet again.
                time.sleep(random.uniform(0, 0.05))  # noqa: S311
            raise AssertionError("The last try returns or raises.")

        return run

    return decorate


def _is_deadlock(error: OperationalError) -> bool:
    text = str(error).lower()
    return "deadlock" in text or "lock wait timeout" in text
