"""The methods of the queryset of results, the times of a row, and ids."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from taskhub.models import Stats, TaskResult
from taskhub.models.ids import first_id_at, new_id
from tests import tasks
from tests.factories import TaskResultFactory

pytestmark = pytest.mark.django_db


def enqueued(ago, **fields):
    """Create a row whose id and time say that it was enqueued `ago` before now."""
    moment = timezone.now() - ago
    return TaskResultFactory(id=first_id_at(moment), enqueued_at=moment, **fields)


def test_queryset_methods_can_be_chained():
    wanted = TaskResultFactory(task_path="tests.tasks.send", failed=True)
    TaskResultFactory(task_path="tests.tasks.send", successful=True)
    TaskResultFactory(task_path="tests.tasks.add", failed=True)
    enqueued(timedelta(hours=2), task_path="tests.tasks.send", failed=True)

    found = TaskResult.objects.for_task(tasks.send).failed().since(hours=1)

    assert list(found) == [wanted]
    assert list(TaskResult.objects.for_task("tests.tasks.send").failed().ids())


def test_each_status_has_a_queryset_method():
    rows = {
        "ready": TaskResultFactory(),
        "running": TaskResultFactory(running=True),
        "successful": TaskResultFactory(successful=True),
        "failed": TaskResultFactory(failed=True),
        "cancelled": TaskResultFactory(finished=True, status="CANCELLED"),
    }

    for name, row in rows.items():
        assert list(getattr(TaskResult.objects, name)()) == [row]
    assert TaskResult.objects.unfinished().count() == 2
    assert TaskResult.objects.finished().count() == 3


def test_since_and_before_filter_by_the_time_of_enqueueing():
    old, new = enqueued(timedelta(days=2)), enqueued(timedelta(minutes=1))
    yesterday = timezone.now() - timedelta(days=1)

    assert list(TaskResult.objects.since(yesterday)) == [new]
    assert list(TaskResult.objects.before(yesterday)) == [old]
    assert list(TaskResult.objects.since(days=1)) == [new]
    assert list(TaskResult.objects.before(days=1)) == [old]


@pytest.mark.parametrize("arguments", [((), {}), ((timezone.now(),), {"hours": 1})])
def test_since_requires_either_a_datetime_or_a_duration(arguments):
    args, kwargs = arguments
    with pytest.raises(TypeError, match=r"aware datetime, or e\.g\. hours=1"):
        TaskResult.objects.since(*args, **kwargs)


def test_in_queue_filters_by_queue():
    mail = TaskResultFactory(queue_name="mail")
    TaskResultFactory()

    assert list(TaskResult.objects.in_queue("mail")) == [mail]


def test_results_are_ordered_newest_first():
    rows = TaskResultFactory.create_batch(5)

    assert list(TaskResult.objects.all()) == rows[::-1]


def test_stats_take_one_query(django_assert_num_queries):
    TaskResultFactory.create_batch(2)
    TaskResultFactory.create_batch(3, successful=True)
    TaskResultFactory(running=True)
    TaskResultFactory(failed=True)

    with django_assert_num_queries(1):
        stats = TaskResult.objects.all().stats()

    assert stats == Stats(
        total=7,
        ready=2,
        running=1,
        on_hold=0,
        successful=3,
        failed=1,
        cancelled=0,
        mean_run=timedelta(seconds=2),
        longest_run=timedelta(seconds=2),
    )
    assert (stats.unfinished, stats.finished) == (3, 4)


def test_stats_without_results():
    assert TaskResult.objects.none().stats().total == 0
    assert TaskResult.objects.stats().mean_run is None


def test_a_row_has_its_waiting_and_its_running_time():
    row = TaskResultFactory(successful=True)

    assert (row.waited, row.ran) == (timedelta(seconds=1), timedelta(seconds=2))
    assert TaskResultFactory().waited is None
    assert TaskResultFactory(running=True).ran is None


def test_the_wait_of_a_delayed_task_begins_when_it_is_due():
    row = TaskResultFactory.build(successful=True)
    row.run_after = row.enqueued_at + timedelta(hours=1)
    row.started_at = row.run_after + timedelta(seconds=3)

    assert row.waited == timedelta(seconds=3)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)))  # noqa: DTZ001
def test_first_ids_sort_by_time(naive):
    moment = naive.replace(tzinfo=UTC)
    first = first_id_at(moment)

    assert first.version == 7
    assert first_id_at(moment - timedelta(milliseconds=1)) < first
    assert first < first_id_at(moment + timedelta(milliseconds=1))


def test_a_new_id_contains_the_current_time():
    before = timezone.now()
    made = new_id()
    after = timezone.now() + timedelta(milliseconds=1)

    assert first_id_at(before) <= made < first_id_at(after)


def test_the_database_sorts_ids_in_the_order_of_their_creation():
    ids = [new_id() for _ in range(300)]
    TaskResult.objects.bulk_create(
        TaskResultFactory.build(id=each) for each in reversed(ids)
    )

    assert TaskResult.objects.order_by("id").ids() == ids


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (lambda rows: rows.for_task("t").order_by("-id")[:10], "taskhub_by_task"),
        (lambda rows: rows.failed()[:10], "taskhub_not_successful"),
        (lambda rows: rows.unfinished()[:10], "taskhub_not_successful"),
        (
            lambda rows: rows.filter(place="delayed", run_after__lte=timezone.now()),
            "taskhub_place_delayed",
        ),
        (
            lambda rows: rows.filter(place="ready", queue_name="mail").order_by(
                "-priority", "id"
            )[:10],
            "taskhub_place_ready",
        ),
        (lambda rows: rows.filter(place="held", held_by="x"), "taskhub_place_held"),
    ],
)
def test_each_index_is_used_by_its_query(query, index):
    """Only on SQLite, whose planner does not depend on the size of the table."""
    if connection.vendor != "sqlite":
        pytest.skip("other planners depend on the size of the table")

    assert index in query(TaskResult.objects.all()).explain()
