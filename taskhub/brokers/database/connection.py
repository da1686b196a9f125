"""The connection to the database, and its errors as errors of a broker."""

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
    """Return the database's address to show to people."""
    return f"database {alias!r}"


@contextmanager
def broker_errors(alias: str) -> Iterator[None]:
    """Raise errors of the database as BrokerError."""
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
    """Repeat a method after a deadlock; raise other errors as BrokerError."""
    again = again_after_deadlock(results_database)(function)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with broker_errors(results_database()):
            return again(*args, **kwargs)

    return run


def _renew_connection(alias: str) -> None:
    # Django reconnects only after a close. In a transaction, the caller has to close.
    connection = connections[alias]
    if not connection.in_atomic_block:
        discard(connection)
