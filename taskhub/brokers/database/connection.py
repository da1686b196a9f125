"""The connection to the results' database, and its errors as a broker's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import connections
from django.db.utils import Error as DatabaseFault
from django.db.utils import ProgrammingError

from taskhub.db import again_after_deadlock, discard
from taskhub.exceptions import BrokerError, BrokerUnavailable
from taskhub.models.base import results_database

P = ParamSpec("P")
R = TypeVar("R")


def address_of(alias: str) -> str:
    """Return where the database is, for people."""
    return f"database {alias!r}"


@contextmanager
def broker_errors(alias: str) -> Iterator[None]:
    """Turn the database's errors into ours, where a worker is the caller."""
    try:
        yield
    except ProgrammingError as error:
        raise BrokerError(
            f"Cannot use {address_of(alias)}: {str(error).strip()} "
            "Run: python manage.py migrate"
        ) from error
    except DatabaseFault as error:
        _renew_connection(alias)
        raise BrokerUnavailable(
            f"Cannot use {address_of(alias)}: {error}".strip()
        ) from error


def repeatable(function: Callable[P, R]) -> Callable[P, R]:
    """Have a verb done again after a deadlock; other errors come out as ours."""
    again = again_after_deadlock(results_database)(function)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with broker_errors(results_database()):
            return again(*args, **kwargs)

    return run


def _renew_connection(alias: str) -> None:
    # A connection that was lost stays so: Django opens a new one only if the old
    # one is closed. In a transaction, whoever has begun it sees to that.
    connection = connections[alias]
    if not connection.in_atomic_block:
        discard(connection)
