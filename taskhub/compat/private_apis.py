"""
Private APIs of Django, redis-py and CPython, which only this module uses.

Each saves time that a public API costs. A new version may change a private API, so the
tests in `tests/integration/compat/test_private_apis.py` compare each with the public
behaviour, and run with every supported version of Django.
"""

# The functions behind `signal`, without its conversions to enums: ten times faster.
import _signal as raw_signal  # type: ignore[import-not-found]
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Model
from django.db.models.sql import InsertQuery

__all__ = ["descriptor_of", "insert_statement", "last_commit_hook", "raw_signal"]


def insert_statement(model: type[Model], alias: str) -> str:
    """
    Return Django's INSERT of one row, with a placeholder for each concrete field.

    `Model.save()` compiles the statement anew each time, which takes half of its time.
    """
    query = InsertQuery(model)
    fields: Sequence[Any] = model._meta.concrete_fields
    query.insert_values(fields, [model()], raw=True)
    ((statement, _values),) = query.get_compiler(using=alias).as_sql()
    return str(statement)


def last_commit_hook(connection: Any) -> Callable[[], object] | None:
    """
    Return the last function given to `on_commit()`, if it has the current savepoints.

    A rollback to one of these savepoints then drops both the function and the rows that
    are written now. Otherwise return None, as always in a `TestCase`, whose tests may
    call each function separately.
    """
    if not connection.run_on_commit or not connection.in_atomic_block:
        return None
    if any(block._from_testcase for block in connection.atomic_blocks):
        return None
    savepoints, hook, _robust = connection.run_on_commit[-1]
    found: Callable[[], object] = hook
    return found if savepoints == set(connection.savepoint_ids) else None


def descriptor_of(connection: Any) -> int:
    """Return the file descriptor of a connection of redis-py."""
    descriptor: int = connection._sock.fileno()
    return descriptor
