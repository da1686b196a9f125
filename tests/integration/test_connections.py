"""A thread's connections, between the tasks that it runs."""

import pytest
from django.db import connection, transaction
from django.db.utils import Error as DatabaseFault

from taskhub.execution.connections import ConnectionKeeper
from tests.connections import lose_connection
from tests.models import Trace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@pytest.fixture
def keeper():
    return ConnectionKeeper()


def test_what_broke_under_a_task_is_replaced_after_it(keeper):
    keeper.before()
    lose_connection()
    for _ in range(2):
        with pytest.raises(DatabaseFault):
            Trace.objects.count()

    keeper.after()

    assert Trace.objects.count() == 0


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="it cannot be seen without a query"
)
@pytest.mark.parametrize(
    "lose", [lose_connection, lambda: connection.connection.close()]
)
def test_what_was_lost_a_moment_ago_is_replaced_before_the_next_task(keeper, lose):
    connection.ensure_connection()
    keeper.after()
    lose()

    keeper.before()

    assert Trace.objects.count() == 0


def test_what_has_been_idle_is_looked_at_before_the_next_task(keeper, monkeypatch):
    monkeypatch.setattr("taskhub.execution.connections._IDLE_SECONDS", -1)
    lose_connection()

    keeper.before()

    assert Trace.objects.count() == 0


def test_a_connection_that_works_is_kept(keeper, monkeypatch):
    monkeypatch.setattr("taskhub.execution.connections._IDLE_SECONDS", -1)
    connection.ensure_connection()
    before = connection.connection

    keeper.before()
    with pytest.raises(DatabaseFault), connection.cursor() as cursor:
        cursor.execute("SELECT no_such_function()")
    keeper.after()

    assert connection.connection is before


def test_a_transaction_that_was_left_open_is_undone(keeper):
    transaction.set_autocommit(False)
    Trace.objects.create(label="left", pid=1)

    keeper.after()

    assert Trace.objects.count() == 0
