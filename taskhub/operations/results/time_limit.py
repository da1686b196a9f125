"""
A time limit on queries that people compose: searches over what no index serves.

The database itself stops them: PostgreSQL by `statement_timeout`, MariaDB by
`max_statement_time`, MySQL by `max_execution_time`, SQLite by a progress handler. The
settings that a site has made of these are put back afterwards.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connections, transaction
from django.utils.translation import gettext as _

from taskhub.exceptions import SearchTimeout

#: How long a search may take the database, by the statement.
SEARCH_SECONDS = 10.0
#: How many steps SQLite makes before it looks at the clock.
_SQLITE_STEPS = 500
#: The codes of statements that took too long: PostgreSQL, MariaDB, MySQL.
_STOPPED_CODES = {"57014", 1969, 3024}


@contextmanager
def search_time_limit(alias: str) -> Iterator[None]:
    """
    Have the database stop each query within the block after SEARCH_SECONDS.

    Raise SearchTimeout if it has stopped one. A transaction that is open goes on.
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
                "The search was stopped after %d seconds; narrow it by status, task or "
                "time, or search for an id."
            )
            % SEARCH_SECONDS
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
    milliseconds = max(1, int(SEARCH_SECONDS * 1_000))
    # A savepoint, where a transaction is open: it can go on after a statement failed.
    with transaction.atomic(using=connection.alias):
        before = _ask(connection, "SELECT current_setting('statement_timeout')")
        change = "SELECT set_config('statement_timeout', %s, true)"
        _ask(connection, change, str(milliseconds))
        yield
        _ask(connection, change, before)


def _limit_session(variable: str, per_second: int) -> Any:
    """Limit queries by a variable of the session, which counts in a unit of its own."""

    @contextmanager
    def limit(connection: Any) -> Iterator[None]:
        before = _ask(connection, f"SELECT @@SESSION.{variable}")
        with connection.cursor() as cursor:
            limit = SEARCH_SECONDS * per_second
            cursor.execute(
                f"SET SESSION {variable} = %s",
                [limit if per_second == 1 else int(limit)],
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
    end = time.monotonic() + SEARCH_SECONDS
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


def _ask(connection: Any, statement: str, *parameters: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchone()[0]
