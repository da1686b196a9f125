"""Conflicting transactions are retried, whatever the language of the error."""

from threading import Event, Thread

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.utils import OperationalError

from taskhub import operations
from taskhub.db import again_after_deadlock
from taskhub.models import Status, TaskResult
from tests.factories import TaskResultFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_broker]
only_maria = pytest.mark.skipif(
    connection.vendor != "mysql", reason="it tests messages of MariaDB and MySQL"
)


def in_thread(work):
    """Start a thread that runs the function on another connection; return it."""

    def run():
        try:
            work()
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def session():
    """A function that sets session variables of this connection."""

    def set_variables(**values):
        with connection.cursor() as cursor:
            for name, value in values.items():
                cursor.execute(f"SET SESSION {name} = %s", [value])

    yield set_variables
    connection.close()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite does not lock rows")
def test_a_transaction_is_retried_after_a_lock_timeout(session, config):
    row = TaskResultFactory()
    is_locked, has_failed = Event(), Event()

    def lock():
        with transaction.atomic():
            TaskResult.objects.select_for_update().get(pk=row.pk)
            is_locked.set()
            has_failed.wait(30)

    failures = []

    def watch(execute, *arguments):
        try:
            return execute(*arguments)
        except OperationalError as error:
            failures.append(error)
            has_failed.set()
            raise

    holder = in_thread(lock)
    assert is_locked.wait(30)
    if connection.vendor == "mysql":
        session(innodb_lock_wait_timeout=1, lc_messages="de_DE")
    else:
        session(lock_timeout="100ms")

    with connection.execute_wrapper(watch):
        operations.results.cancel(TaskResult.objects.filter(pk=row.pk))

    holder.join()
    assert failures
    row.refresh_from_db()
    assert row.status == Status.CANCELLED


@only_maria
def test_a_transaction_is_retried_if_a_row_has_changed_since_its_snapshot(session):
    """By default, MariaDB refuses to lock such a row from version 11.6.2 on."""
    row = TaskResultFactory(priority=1)
    rows = TaskResult.objects.filter(pk=row.pk)
    seen = []

    @again_after_deadlock(lambda: DEFAULT_DB_ALIAS)
    def lock():
        with transaction.atomic():
            seen.append(rows.get().priority)
            if len(seen) == 1:
                in_thread(lambda: rows.update(priority=2)).join()
            rows.select_for_update().get()

    session(innodb_snapshot_isolation=1, tx_isolation="REPEATABLE-READ")
    lock()

    assert seen == [1, 2]
