"""How the connections of a thread are reset between the tasks that it runs."""

from contextlib import closing

import pytest
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.db.utils import Error as DatabaseFault

from taskhub.execution.isolation.connections import ConnectionKeeper
from tests.connections import (
    connection_id,
    cut,
    lose_connection,
    on_another_connection,
    statements,
)
from tests.models import Trace
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

without_sqlite = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite has no server"
)

#: States of a session, by database: the SQL that reads and the SQL that changes each.
SESSION_STATES = {
    "postgresql": {
        "search_path": ("SHOW search_path", "SET search_path TO pg_catalog, public"),
        "role": ("SELECT current_user::text", "SET ROLE pg_monitor"),
        "timeout": ("SHOW statement_timeout", "SET statement_timeout TO '1min'"),
        "table": ("SELECT to_regclass('own')", "CREATE TEMP TABLE own (id int)"),
        "cursor": (
            "SELECT count(*) FROM pg_cursors WHERE name = 'own'",
            "DECLARE own CURSOR WITH HOLD FOR SELECT 1",
        ),
        "zone": ("SHOW timezone", "SET TIME ZONE 'Asia/Kolkata'"),
    },
    "mysql": {
        "variable": ("SELECT @own", "SET @own = 1"),
        "timeout": ("SELECT @@lock_wait_timeout", "SET lock_wait_timeout = 7"),
        "mode": ("SELECT @@sql_mode", "SET sql_mode = ''"),
        "isolation": ("SELECT @@tx_isolation", "SET tx_isolation = 'SERIALIZABLE'"),
    },
    "sqlite": {
        "table": (
            "SELECT count(*) FROM sqlite_temp_master",
            "CREATE TEMP TABLE own (id int)",
        ),
        "database": (
            "SELECT count(*) FROM pragma_database_list WHERE name = 'own'",
            "ATTACH ':memory:' AS own",
        ),
    },
}
#: The SQL that takes a lock of the session, and the SQL that tells if it is free.
LOCKS = {
    "postgresql": (
        "SELECT pg_advisory_lock(4711)",
        "SELECT pg_try_advisory_lock(4711)",
    ),
    "mysql": ("SELECT GET_LOCK('own', 0)", "SELECT GET_LOCK('own', 0)"),
}


def _ask(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def _change(sql, raw):
    connection.ensure_connection()
    with closing((connection.connection if raw else connection).cursor()) as cursor:
        cursor.execute(sql)


@pytest.fixture
def keeper():
    return ConnectionKeeper()


def test_a_connection_that_broke_during_a_task_is_replaced_after_it(keeper):
    keeper.before()
    lose_connection()
    for _ in range(2):
        with pytest.raises(DatabaseFault):
            Trace.objects.count()

    keeper.after()

    assert Trace.objects.count() == 0


@pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="only PostgreSQL shows this without a query",
)
@pytest.mark.parametrize(
    "lose", [lambda driver: cut(driver.info.backend_pid), lambda driver: driver.close()]
)
def test_a_connection_that_was_just_lost_is_replaced_when_it_is_used(keeper, lose):
    connection.ensure_connection()
    driver = connection.connection
    keeper.after()
    on_another_connection(lose, driver)

    assert Trace.objects.count() == 0
    assert connection.connection is not driver


def test_an_idle_connection_is_checked_before_the_next_task(keeper, monkeypatch):
    monkeypatch.setattr("taskhub.execution.isolation.connections._IDLE_SECONDS", -1)
    lose_connection()

    keeper.before()

    assert Trace.objects.count() == 0


@without_sqlite
def test_a_connection_that_works_is_kept(keeper, monkeypatch):
    monkeypatch.setattr("taskhub.execution.isolation.connections._IDLE_SECONDS", -1)
    before = connection_id()

    keeper.before()
    with pytest.raises(DatabaseFault), connection.cursor() as cursor:
        cursor.execute("SELECT no_such_function()")
    keeper.after()

    assert connection_id() == before


def test_django_sets_up_the_connection_again_for_each_task_that_uses_it(keeper):
    """Sites use the signal `connection_created` to make their own settings."""
    made = []

    def note(connection, **kwargs):
        made.append(connection.alias)

    connection.close()
    connection_created.connect(note)
    try:
        for _ in range(2):
            Trace.objects.count()
            keeper.after()
        keeper.before()
        keeper.after()
    finally:
        connection_created.disconnect(note)

    assert made == ["default", "default"]


@pytest.mark.parametrize("raw", [False, True], ids=["django", "driver"])
@pytest.mark.parametrize("what", SESSION_STATES[connection.vendor])
def test_session_state_that_a_task_has_changed_is_reset(keeper, what, raw):
    asked, change = SESSION_STATES[connection.vendor][what]
    before = _ask(asked)
    _change(change, raw)
    assert _ask(asked) != before

    keeper.after()

    assert _ask(asked) == before


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only psycopg prepares statements"
)
def test_prepared_statements_of_the_driver_still_work(keeper, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "prepare_threshold", 0)
    for _ in range(3):
        assert _ask("SELECT 1") == (1,)
        keeper.after()
    connection.close()


@without_sqlite
def test_session_locks_are_released_after_the_task(keeper):
    take, is_free = LOCKS[connection.vendor]
    connection.ensure_connection()
    driver = connection.connection
    with driver.cursor() as cursor:
        cursor.execute(take)

    keeper.after()

    found = []
    on_another_connection(lambda: found.append(_ask(is_free)))
    assert found == [(1,)] or found == [(True,)]
    assert connection.connection is None


def _is_sleeping():
    """Whether a server runs the statement, as another connection sees it."""
    found = []
    on_another_connection(lambda: found.extend(statements("pg_sleep(60)")))
    return bool(found)


def test_an_unfinished_statement_does_not_affect_the_next_task(keeper):
    """The statement was sent through the driver, so Django does not know it."""
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        connection.connection.pgconn.send_query(b"SELECT pg_sleep(60)")
        # The server ignores the cancellation of what it has not begun.
        wait_until(_is_sleeping, "the start of the statement")
    elif connection.vendor == "mysql":
        connection.connection.query("SELECT 1")
    else:
        connection.connection.execute("BEGIN")

    keeper.after()

    assert Trace.objects.count() == 0
    if connection.vendor == "postgresql":
        wait_until(lambda: not statements("pg_sleep(60)"), "it to be cancelled")


def test_a_transaction_that_plain_sql_has_begun_is_rolled_back(keeper):
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
    Trace.objects.create(label="left", pid=1)

    keeper.after()

    assert Trace.objects.count() == 0


def test_a_transaction_that_was_left_open_is_rolled_back(keeper):
    transaction.set_autocommit(False)
    Trace.objects.create(label="left", pid=1)

    keeper.after()

    assert Trace.objects.count() == 0
