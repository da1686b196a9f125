"""Metrics: how they are counted, rolled up and read."""

from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub import operations
from taskhub.models import QueueDepth, TaskMetrics, TaskResult
from taskhub.models.metrics import FRESH, HALF_HOUR, HOUR, MINUTE, TEN_MINUTES
from taskhub.operations.metrics.figures import read_by_queue, read_metrics
from taskhub.operations.metrics.rollup import roll_up, sample_depths
from tests import tasks
from tests.factories import TaskResultFactory
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def counted(**of):
    rows = TaskMetrics.objects.filter(**of)
    return {
        name: sum(getattr(row, name) for row in rows)
        for name in ("successful", "failed", "cancelled", "retried")
    }


def count(minutes_ago, seconds=FRESH, **fields):
    at = timezone.now() - timedelta(minutes=minutes_ago)
    at = at.replace(second=0, microsecond=0)
    defaults = {
        "task_path": "tests.tasks.add",
        "queue_name": "default",
        "successful": 1,
        "waits": {"3": 1},
        "runs": {"5": 1},
        "run_seconds": 0.5,
        "longest_run": 0.5,
    }
    return TaskMetrics.objects.create(
        **{"starts_at": at, "seconds": seconds, **defaults, **fields}
    )


# Counting.


def test_metrics_agree_with_the_rows(start_node):
    for n in range(20):
        tasks.add.enqueue(n)
    tasks.fail.enqueue("a reason")
    tasks.fail_at_first.enqueue("again", 1)

    node = start_node("--processes=2")
    wait_until(lambda: not TaskResult.objects.unfinished().exists(), "all to finish")
    assert node.stop() == 0

    assert TaskResult.objects.successful().count() == 21
    assert counted() == {
        "successful": 21,
        "failed": 1,
        "cancelled": 0,
        "retried": 1,
    }
    by_task = {each.name: each for each in read_metrics("15m").by_task}
    assert by_task["tests.tasks.add"].finished == 20
    assert by_task["tests.tasks.add"].run.p95 < 60
    assert by_task["tests.tasks.fail"].failed_share == 1


def test_an_atomic_task_is_counted_when_it_is_committed(drain):
    tasks.trace_atomically.enqueue("it")

    drain()

    assert counted(task_path="tests.tasks.trace_atomically")["successful"] == 1


def test_cancelled_results_are_counted():
    row = TaskResultFactory()
    TaskResultFactory(successful=True)

    operations.results.cancel(TaskResult.objects.all())

    assert counted() == {"successful": 0, "failed": 0, "cancelled": 1, "retried": 0}
    assert TaskMetrics.objects.get().task_path == row.task_path


# Rolling up.


def test_fresh_metrics_are_rolled_up_into_minutes():
    at = count(0).starts_at
    for _ in range(2):
        count(0, starts_at=at)
    count(0, starts_at=at, queue_name="mail", failed=2)

    roll_up()

    assert set(TaskMetrics.objects.values_list("seconds", flat=True)) == {MINUTE}
    row = TaskMetrics.objects.get(queue_name="default")
    assert row.successful == 3
    assert row.waits == {"3": 3}
    assert row.run_seconds == 1.5
    assert TaskMetrics.objects.get(queue_name="mail").failed == 2


def test_late_metrics_are_added_to_their_minute():
    # The second row belongs to the same minute.
    at = count(1).starts_at
    roll_up()
    count(1, starts_at=at)
    roll_up()

    assert TaskMetrics.objects.get().successful == 2


def test_older_metrics_have_longer_spans_and_the_oldest_are_deleted():
    for minutes in (5, 90, 91, 60 * 12, 60 * 30, 60 * 31, 60 * 24 * 5):
        count(minutes)

    roll_up()

    spans = list(TaskMetrics.objects.values_list("seconds", flat=True))
    assert sorted(spans)[0] == MINUTE
    assert {TEN_MINUTES, HALF_HOUR, HOUR} < {*spans}
    # Only the metrics of five days ago were deleted.
    assert counted()["successful"] == 6
    before = list(TaskMetrics.objects.order_by("pk").values())
    roll_up()
    assert list(TaskMetrics.objects.order_by("pk").values()) == before


# Reading.


def test_a_series_has_every_span_of_the_range():
    count(2, successful=4, failed=1)
    count(30, successful=8)

    metrics = read_metrics("15m")

    assert len(metrics.series.starts) == 16
    assert sum(metrics.series.successful) == 4
    assert metrics.series.successful[-3] == 4
    assert sum(metrics.series.failed) == 1
    assert sum(read_metrics("1h").series.successful) == 12


def test_metrics_of_a_clock_that_is_ahead_count_as_current():
    count(-30)

    assert read_metrics("15m").series.successful[-1] == 1


def test_the_greatest_depth_of_each_minute_is_recorded(config, drain):
    for n in range(3):
        tasks.add.enqueue(n)
    sample_depths(config)
    minute = QueueDepth.objects.get(queue_name="default").starts_at
    drain()
    sample_depths(config)

    fullest = QueueDepth.objects.get(queue_name="default", starts_at=minute)
    assert fullest.ready == 3
    series = {each.name: each for each in read_metrics("15m").depths}
    assert max(filter(None, series["default"].ready)) == 3


def note_depth(starts_at, ready, queue_name="mail"):
    return QueueDepth.objects.create(
        starts_at=starts_at,
        backend="default",
        queue_name=queue_name,
        delayed=0,
        ready=ready,
        held=0,
        oldest_seconds=ready * 10,
    )


def test_a_long_range_has_the_greatest_depth_of_each_hour():
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for minute, ready in ((-61, 5), (-60, 1), (-7, 9), (-1, 3), (0, 2)):
        note_depth(hour + timedelta(minutes=minute), ready)

    (mail,) = read_metrics("72h").depths

    assert mail.ready[-3:] == [5, 9, 2]
    assert mail.oldest_seconds[-3:] == [50, 90, 20]
    assert mail.ready[-4] is None


def test_only_the_queues_with_the_greatest_depths_are_returned():
    minute = timezone.now().replace(second=0, microsecond=0)
    for number in range(20):
        note_depth(minute, number, f"queue-{number:02}")
    note_depth(minute - timedelta(minutes=1), 99, "queue-00")

    names = [each.name for each in read_metrics("15m").depths]

    assert names == ["queue-00", *(f"queue-{number}" for number in range(13, 20))]


def test_older_depths_are_rolled_up_into_longer_spans():
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    # A day and a half ago, half a day ago, and now.
    for hours in (36, 12, 0):
        for minute in range(60):
            at = hour - timedelta(hours=hours) + timedelta(minutes=minute)
            if at <= timezone.now():
                note_depth(at, minute)
    gone = note_depth(hour - timedelta(days=5), 1)
    fullest = read_metrics("72h").depths

    roll_up()

    assert not QueueDepth.objects.filter(pk=gone.pk).exists()
    old = QueueDepth.objects.filter(starts_at__lt=hour - timedelta(hours=1))
    spans = old.order_by("starts_at").values_list("seconds", "ready")
    assert list(spans) == [(HOUR, 59), (HALF_HOUR, 29), (HALF_HOUR, 59)]
    assert read_metrics("72h").depths == fullest
    before = list(QueueDepth.objects.order_by("pk").values())
    roll_up()
    assert list(QueueDepth.objects.order_by("pk").values()) == before


def test_a_depth_that_is_recorded_late_is_added_to_its_span():
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    old = hour - timedelta(hours=12)
    note_depth(old, 1)
    roll_up()
    for minute in (0, 7):
        note_depth(old + timedelta(minutes=minute), 5 + minute)
    roll_up()

    row = QueueDepth.objects.get()
    assert (row.starts_at, row.seconds, row.ready) == (old, HALF_HOUR, 12)


def test_reading_metrics_takes_few_queries(django_assert_num_queries):
    for minutes in range(10):
        count(minutes)
        note_depth(timezone.now() - timedelta(minutes=minutes), 1)
    with django_assert_num_queries(5):
        read_metrics("72h")
    with django_assert_num_queries(2):
        read_by_queue("72h")


def test_reading_by_queue_returns_the_same_metrics():
    count(1, successful=4, failed=1)
    count(2, queue_name="mail")

    assert read_by_queue("15m") == read_metrics("15m").by_queue
