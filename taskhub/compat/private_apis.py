"""
Private APIs of Django, redis-py and CPython, which only this module uses.

Each saves time that a public API costs. A new version may change a private API, so the
tests in `tests/integration/compat/test_private_apis.py` compare each with the public
behaviour, and run with every supported version of Django.
"""

# The functions behind `signal`, without its conversions to enums: ten times faster.
import _signal as raw_signal  # type: ignore[import-not-found]
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.sql import InsertQuery

__all__ = [
    "CompiledSelect",
    "descriptor_of",
    "insert_statement",
    "last_commit_hook",
    "on_commit_in_tests_too",
    "raw_signal",
]

ModelT = TypeVar("ModelT", bound=Model)


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


class CompiledSelect(Generic[ModelT]):
    """
    A query that is compiled once, for the database of its queryset.

    `raw()` compiles the columns and their converters anew each time, which takes longer
    than reading a few rows.
    """

    def __init__(self, rows: "QuerySet[ModelT]") -> None:
        self._model, self._alias = rows.model, rows.db
        self._compiler: Any = rows.query.get_compiler(using=self._alias)
        self._statement, self._parameters = self._compiler.as_sql()
        columns = [column for column, _sql, _alias in self._compiler.select]
        self._names = [column.target.attname for column in columns]
        self._converters = self._compiler.get_converters(columns)

    def read(self, *, start: int, size: int) -> list[ModelT]:
        """Return up to `size` rows from `start` on. Block for the query."""
        with connections[self._alias].cursor() as cursor:
            cursor.execute(
                f"{self._statement} LIMIT %s OFFSET %s",
                [*self._parameters, size, start],
            )
            found = cursor.fetchall()
        if not found:
            return []
        return [
            self._model.from_db(self._alias, self._names, values)
            for values in self._compiler.apply_converters(found, self._converters)
        ]


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


class _TestHook:
    """A hook for `on_commit()` that is also called where a `TestCase` has no commit."""

    def __init__(self, hook: Callable[[], object]) -> None:
        self.hook = hook

    def __call__(self) -> None:
        self.hook()


def on_commit_in_tests_too(connection: Any, hook: Callable[[], object]) -> None:
    """
    Call a function after the commit, or at once if there is no transaction.

    A `TestCase` never commits. In its tests, call the function when the outermost block
    that the test itself has not opened ends, or at once if there is no such block. A
    block without a savepoint, `atomic(savepoint=False)`, does not count. After a
    rollback of the block, the function is not called.
    """
    if not any(block._from_testcase for block in connection.atomic_blocks):
        connection.on_commit(hook)
    elif not _is_in_savepoint(connection):
        hook()
    else:
        connection.on_commit(_TestHook(hook))
        _watch_savepoints(connection)


def _is_in_savepoint(connection: Any) -> bool:
    """Whether a block that no `TestCase` has opened has a savepoint."""
    # The first block of a transaction has none, and so no entry in savepoint_ids.
    blocks = zip(
        reversed(connection.atomic_blocks),
        reversed(connection.savepoint_ids),
        strict=False,
    )
    return any(sid for block, sid in blocks if not block._from_testcase)


def _watch_savepoints(connection: Any) -> None:
    """Call the hooks of a connection at the end of its outermost savepoint."""
    if "savepoint_commit" in vars(connection):
        return
    savepoint_commit = connection.savepoint_commit

    def commit(sid: str) -> None:
        savepoint_commit(sid)
        if _is_in_savepoint(connection):
            return
        del connection.savepoint_commit
        for entry in list(connection.run_on_commit):
            if isinstance(entry[1], _TestHook):
                connection.run_on_commit.remove(entry)
                entry[1]()

    connection.savepoint_commit = commit


def descriptor_of(connection: Any) -> int:
    """Return the file descriptor of a connection of redis-py."""
    descriptor: int = connection._sock.fileno()
    return descriptor
