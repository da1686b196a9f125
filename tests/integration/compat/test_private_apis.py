"""The private APIs that taskhub uses do what the public ones do."""

import select
import signal
from functools import partial

import pytest
import redis
from django.db import connection, connections, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from taskhub.compat.private_apis import (
    CompiledSelect,
    descriptor_of,
    insert_statement,
    last_commit_hook,
    on_commit_in_tests_too,
    raw_signal,
)
from taskhub.models import TaskResult
from taskhub.producer import make_row
from tests import tasks
from tests.factories import TaskResultFactory


@pytest.mark.django_db
def test_insert_statement_inserts_the_same_row_as_save(configure):
    config = configure(broker_url="database://")
    row = make_row(config, tasks.add, [1], {"b": 2})
    fields = row._meta.concrete_fields
    statement = insert_statement(type(row), "default")
    values = [
        each.get_db_prep_save(getattr(row, each.attname), connection) for each in fields
    ]

    with connection.cursor() as cursor:
        cursor.execute(statement, values)

    inserted = TaskResult.objects.filter(pk=row.pk).values().get()
    TaskResult.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        row.save(force_insert=True)
    columns = statement.partition("VALUES")[0].strip()
    assert queries[-1]["sql"].partition("VALUES")[0].strip() == columns
    assert TaskResult.objects.filter(pk=row.pk).values().get() == inserted


@pytest.mark.django_db
def test_a_compiled_select_reads_the_same_rows_as_its_queryset():
    TaskResultFactory.create_batch(3, failed=True, progress={"done": 1}, meta={"a": 1})
    rows = TaskResult.objects.filter(status="FAILED").order_by("-id")
    select = CompiledSelect(rows)

    assert values_of(select.read(start=0, size=9)) == values_of(rows)
    assert values_of(select.read(start=1, size=1)) == values_of(rows[1:2])
    rows.delete()
    assert select.read(start=0, size=9) == []


def values_of(rows):
    """Return the values of rows, and the database that each belongs to."""
    names = [field.attname for field in TaskResult._meta.concrete_fields]
    return [(row._state.db, *(row.__dict__[name] for name in names)) for row in rows]


def hook():
    """Do nothing; a hook for `on_commit`."""


@pytest.mark.django_db(transaction=True)
def test_last_commit_hook_finds_only_hooks_of_the_current_savepoints():
    assert last_commit_hook(connection) is None
    with transaction.atomic():
        assert last_commit_hook(connection) is None
        transaction.on_commit(hook)
        assert last_commit_hook(connection) is hook
        with transaction.atomic():
            assert last_commit_hook(connection) is None
            transaction.on_commit(print)
            assert last_commit_hook(connection) is print
            transaction.set_rollback(True)
        # The inner hook was dropped with its savepoint.
        assert last_commit_hook(connection) is hook
        transaction.on_commit(print)
        assert last_commit_hook(connection) is print
        transaction.set_rollback(True)
    assert last_commit_hook(connection) is None


class InATestCase(TestCase):
    """A test case that captures hooks may run them one by one."""

    def test_last_commit_hook_finds_no_captured_hook(self):
        with self.captureOnCommitCallbacks() as hooks, transaction.atomic():
            transaction.on_commit(hook)
            assert last_commit_hook(connection) is None

        assert hooks == [hook]


def test_the_descriptor_is_readable_after_a_reply_has_arrived(redis_url):
    client = redis.Redis.from_url(redis_url)
    sender = client.connection_pool.make_connection()
    try:
        sender.send_command("PING")
        ready, _, _ = select.select([descriptor_of(sender)], [], [], 10)
        assert ready
        assert sender.read_response() in (b"PONG", "PONG")
    finally:
        sender.disconnect()
        client.close()


def test_raw_signal_functions_return_the_same_as_those_of_signal():
    for number in (signal.SIGTERM, signal.SIGUSR1):
        handler = signal.getsignal(number)
        raw = raw_signal.getsignal(number)
        assert raw == handler
    assert raw_signal.getitimer(signal.ITIMER_REAL) == signal.getitimer(
        signal.ITIMER_REAL
    )
    assert set(raw_signal.pthread_sigmask(signal.SIG_BLOCK, [])) == set(
        signal.pthread_sigmask(signal.SIG_BLOCK, [])
    )


@pytest.mark.django_db
def test_on_commit_in_tests_too_calls_at_the_end_of_the_outermost_savepoint():
    called = []

    def call_later(name):
        on_commit_in_tests_too(connections["default"], lambda: called.append(name))

    call_later("at once")
    assert called.pop() == "at once"
    with transaction.atomic(savepoint=False):
        call_later("without a savepoint")
        assert called.pop() == "without a savepoint"
    with transaction.atomic():
        call_later("first")
        with transaction.atomic():
            call_later("undone")
            transaction.set_rollback(True)
        with transaction.atomic():
            call_later("second")
        assert called == []
    assert called == ["first", "second"]
    with transaction.atomic():
        pass
    assert called == ["first", "second"]


@pytest.mark.django_db(transaction=True)
def test_on_commit_in_tests_too_calls_after_the_commit():
    called = []
    with transaction.atomic():
        hook = partial(called.append, "committed")
        on_commit_in_tests_too(connections["default"], hook)
        with transaction.atomic():
            pass
        assert called == []

    assert called == ["committed"]
