"""
Savepoints around the function of an inline run.

A worker runs a task outside of any transaction. An inline run may be inside one of the
caller's, above all in a `TestCase`. There, a statement that fails must not make the
caller's transaction unusable.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.utils import Error as DatabaseFault


@contextmanager
def spared_transactions() -> Iterator[None]:
    """
    Keep the caller's transactions usable, whatever is done in this block.

    As without a transaction, the work before an exception is kept. But if the block has
    made a transaction unusable, its work in that transaction is undone.
    """
    begun = [
        (connection, connection.savepoint())
        for connection in connections.all(initialized_only=True)
        if connection.in_atomic_block and not connection.needs_rollback
    ]
    try:
        yield
    finally:
        for connection, savepoint in begun:
            _end(connection, savepoint)


def _end(connection: Any, savepoint: str | None) -> None:
    if savepoint is None or connection.closed_in_transaction:
        return
    if not connection.needs_rollback:
        try:
            connection.savepoint_commit(savepoint)
        except DatabaseFault:
            # PostgreSQL refuses everything after a failed statement.
            connection.needs_rollback = True
    if connection.needs_rollback:
        connection.needs_rollback = False
        connection.savepoint_rollback(savepoint)
        connection.savepoint_commit(savepoint)
