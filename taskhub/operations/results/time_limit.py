"""
A time limit for searches in columns without an index.

The database itself stops the query: PostgreSQL by `statement_timeout`, MariaDB by
`max_statement_time`, MySQL by `max_execution_time`, SQLite by a progress handler. The
site's own values of these settings are restored afterwards.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connections, transaction
from django.utils.translation import gettext as _

from taskhub.exceptions import SearchTimeout

#: For each statement; on SQLite, for all statements of a block together.
MAX_SEARCH_SECONDS = 10.0
#: How often SQLite looks at the clock, in steps of its virtual machine.
_SQLITE_STEPS = 500
#: Error codes of stopped statements: PostgreSQL, MariaDB, MySQL.
_STOPPED_CODES = {"57014", 1969, 3024}


@contextmanager
def search_time_limit(alias: str) -> Iterator[None]:
    """
    Let the database stop the queries within the block after MAX_SEARCH_SECONDS.

    Raise SearchTimeout if the database stopped one. An open transaction remains usable.
    """
    connection = connections[alias]
    limit: Any = _LIMITS.get(_kind_of(connection))
    if limit is None:
        yield
        return
    try:
        with limit(connection):
            yield
    except OperationalError as error:
        if not _was_stopped(error):
            raise
        raise SearchTimeout(
            _(
                "The search was stopped after %d seconds; filter by status, task or "
                "time, or search for an id."
            )
            % MAX_SEARCH_SECONDS
        ) from error


def _kind_of(connection: Any) -> str:
    is_mysql = connection.vendor == "mysql" and not connection.mysql_is_mariadb
    return "mysql" if is_mysql else connection.display_name.lower()


def _was_stopped(error: OperationalError) -> bool:
    cause: Any = error.__cause__
    code = getattr(cause, "sqlstate", None) or (cause.args[:1] or ("",))[0]
    return code in _STOPPED_CODES or code == "interrupted"


@contextmanager
def _limit_postgresql(connection: Any) -> Iterator[None]:
    milliseconds = max(1, int(MAX_SEARCH_SECONDS * 1_000))
    # In an open transaction, this is a savepoint: the transaction remains usable.
    with transaction.atomic(using=connection.alias):
        before = _fetch(connection, "SELECT current_setting('statement_timeout')")
        change = "SELECT set_config('statement_timeout', %s, true)"
        _fetch(connection, change, str(milliseconds))
        yield
        _fetch(connection, change, before)


def _limit_session(variable: str, units_per_second: int) -> Any:
    """Limit queries by a session variable in seconds or in milliseconds."""

    @contextmanager
    def limit(connection: Any) -> Iterator[None]:
        before = _fetch(connection, f"SELECT @@SESSION.{variable}")
        with connection.cursor() as cursor:
            maximum = MAX_SEARCH_SECONDS * units_per_second
            cursor.execute(
                f"SET SESSION {variable} = %s",
                [maximum if units_per_second == 1 else int(maximum)],
            )
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"SET SESSION {variable} = %s", [before])

    return limit


@contextmanager
def _limit_sqlite(connection: Any) -> Iterator[None]:
    connection.ensure_connection()
    end = time.monotonic() + MAX_SEARCH_SECONDS
    connection.connection.set_progress_handler(
        lambda: time.monotonic() > end, _SQLITE_STEPS
    )
    try:
        yield
    finally:
        connection.connection.set_progress_handler(None, 0)


_LIMITS = {
    "postgresql": _limit_postgresql,
    "mariadb": _limit_session("max_statement_time", 1),
    "mysql": _limit_session("max_execution_time", 1_000),
    "sqlite": _limit_sqlite,
}


def _fetch(connection: Any, statement: str, *parameters: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchone()[0]
