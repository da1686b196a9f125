"""Counting and searching long queues at a bounded cost."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from taskhub import operations
from taskhub.brokers import get_broker
from taskhub.brokers.database import counting
from taskhub.foundation import ttl_cache
from taskhub.models import Place, TaskResult
from taskhub.operations.queues import Queue, synchronise_states
from taskhub.operations.status import queues as status
from tests.factories import TaskResultFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch):
    """Lower the limits, so that a few rows count as many."""
    monkeypatch.setattr(counting, "MAX_COUNTED", 5)
    monkeypatch.setattr(status, "MAX_SCANNED_ROWS", 5)
    monkeypatch.setattr(status, "_oldest_cache", ttl_cache.TTLCache(60))


@pytest.fixture
def pass_time(monkeypatch):
    """A function that lets seconds pass for cached values."""
    clock = ttl_cache.monotonic

    def pass_time(seconds):
        monkeypatch.setattr(ttl_cache, "monotonic", lambda: clock() + seconds)

    return pass_time


@pytest.fixture
def config(configure):
    return configure(broker_url="database://")


def put(count, queue="default", **fields):
    """Create messages that wait in a queue of the database broker."""
    for _ in range(count):
        TaskResultFactory(queue_name=queue, place=Place.READY, **fields)


def ready(config, queue="default"):
    return get_broker(config).depths(["default", "mail"])[queue].ready


def test_a_short_queue_is_counted_every_time(config):
    put(5)
    assert (ready(config), ready(config, "mail")) == (5, 0)
    put(1, "mail")
    assert (ready(config), ready(config, "mail")) == (5, 1)


def test_a_long_queue_is_counted_once_a_minute(config, pass_time):
    put(8)
    assert ready(config) == 8
    put(3)
    put(2, "mail")
    with CaptureQueriesContext(connection) as captured:
        assert (ready(config), ready(config, "mail")) == (8, 2)
    counts = [each["sql"] for each in captured if "COUNT(" in each["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)

    pass_time(61)
    assert (ready(config), ready(config, "mail")) == (11, 2)


def test_a_queue_that_has_become_short_is_counted_at_once(config):
    put(8)
    assert ready(config) == 8
    TaskResult.objects.filter(pk__in=TaskResult.objects.ids()[3:]).delete()

    assert ready(config) == 3


def test_synchronising_queue_states_counts_no_messages(config):
    put(8)
    operations.queues.pause(Queue("default"))
    operations.queues.drain(Queue("mail"))
    put(1, "mail")
    operations.queues.drain(Queue("mail"))

    with CaptureQueriesContext(connection) as asked:
        synchronise_states(config)

    assert not [each["sql"] for each in asked if "COUNT(" in each["sql"]]
    assert Queue("default").state.is_paused
    assert not Queue("mail").state.is_paused


def test_the_oldest_message_is_found_behind_many_of_another_queue(config, pass_time):
    put(8)
    long_ago = timezone.now() - timedelta(hours=7)
    put(1, "mail", enqueued_at=long_ago)

    def oldest():
        found = {each.name: each for each in operations.status.read_status().queues}
        return found["mail"].oldest_seconds

    assert oldest() == pytest.approx(7 * 3600, abs=600)
    TaskResult.objects.filter(queue_name="mail").update(enqueued_at=timezone.now())
    assert oldest() == pytest.approx(7 * 3600, abs=600)
    pass_time(61)
    assert oldest() < 600


def pages_read(sql: str, index: str) -> int:
    """Return how many pages of a table and an index a statement of PostgreSQL reads."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE taskhub_taskresult")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS off, TIMING off) {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan
    return int(re.search(r"Buffers: shared hit=(\d+)", plan)[1])


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="it tests PostgreSQL's planner"
)
def test_an_idle_worker_does_not_read_all_delayed_rows(config):
    later = timezone.now() + timedelta(days=1)
    delayed = {"place": Place.DELAYED, "run_after": later}
    TaskResult.objects.bulk_create(
        TaskResultFactory.build(**delayed) for _ in range(3_000)
    )
    broker = get_broker(config)
    broker.wait(["mail"], 0.01)
    with CaptureQueriesContext(connection) as asked:
        broker.wait(["mail"], 0.01)
    broker.close()

    (statement,) = [each["sql"] for each in asked if "'delayed'" in each["sql"]]
    assert pages_read(statement, "taskhub_place_delayed") <= 4


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="it tests PostgreSQL's planner"
)
def test_looking_into_a_queue_does_not_read_rows_of_other_queues():
    """PostgreSQL drops from a search the conditions that a partial index implies."""
    rows = [TaskResultFactory.build(place=Place.READY) for _ in range(3_000)]
    TaskResult.objects.bulk_create(rows)
    mail = TaskResult.objects.filter(place=Place.READY, queue_name="mail").order_by()
    with CaptureQueriesContext(connection) as asked:
        assert not mail.exists()

    # The search reads one path down the index, and not all of its leaves.
    assert pages_read(asked[0]["sql"], "taskhub_place_ready") <= 4
