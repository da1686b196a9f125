"""Waits, runs and ages after retries: time spent failed is neither wait nor run."""

from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from taskhub import operations
from taskhub.models import Status, TaskResult
from taskhub.operations.metrics.figures import read_metrics
from taskhub.operations.status import read_status
from tests import tasks
from tests.integration.admin.results.pages import change, text_of
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LONG = timedelta(hours=7)
#: Longer than any of these tests takes, and much shorter than LONG.
SHORT = timedelta(hours=1)
TIMES = ("enqueued_at", "run_after", "started_at", "last_attempted_at", "finished_at")


def age(row):
    """Move all times of a row into the past."""
    row.refresh_from_db()
    moments = {name: getattr(row, name) for name in TIMES}
    for error in row.errors:
        for name in ("due_at", "started_at", "failed_at"):
            if name in error:
                earlier = datetime.fromisoformat(error[name]) - LONG
                error[name] = earlier.isoformat()
    TaskResult.objects.filter(pk=row.pk).update(
        errors=row.errors,
        **{name: moment and moment - LONG for name, moment in moments.items()},
    )


def spans(client, row):
    """Return the phases of a result and their durations, as its page shows them."""
    page = text_of(client.get(change(row)))
    parts = page.split('<span class="taskhub-span-text">')[1:]
    texts = [part.partition("</span>")[0] for part in parts]
    times = [part.partition("</time>")[2].partition("</span>")[0] for part in parts]
    return dict(zip(texts, map(str.strip, times), strict=True))


@pytest.fixture
def work(start_node):
    """A function that runs a node until all results have finished."""

    def work():
        node = start_node("--processes=1")
        wait_until(lambda: not TaskResult.objects.unfinished().exists(), "all to end")
        assert node.stop() == 0

    return work


@pytest.fixture
def oldest():
    """A function that returns how many seconds the oldest result has waited."""

    def oldest():
        return max(each.oldest_seconds or 0 for each in read_status().queues)

    return oldest


def test_time_between_a_failure_and_a_retry_is_neither_wait_nor_run(
    work, oldest, admin_client
):
    result = tasks.fail_at_first.enqueue("again", 3)
    work()
    row = result.row
    assert row.status == Status.FAILED
    age(row)
    assert TaskResult.objects.stats().longest_run < SHORT

    operations.results.retry(TaskResult.objects.all())

    assert oldest() < SHORT.total_seconds()
    assert not [text for text in read_status().needs_attention if "waited" in text]
    row.refresh_from_db()
    assert (row.waited, row.ran) == (None, None)
    assert timezone.now() - row.due_at < SHORT
    work()
    row.refresh_from_db()
    assert row.status == Status.SUCCESSFUL
    assert row.waited < SHORT
    assert row.ran < SHORT
    assert TaskResult.objects.stats().longest_run < SHORT
    (figures,) = read_metrics("15m").by_task
    assert figures.wait.p99 < SHORT.total_seconds()
    told = spans(admin_client, row)
    assert [text for text, time in told.items() if "h" in time] == [
        "Failed, until retried"
    ]
    assert told["Failed, until retried"].startswith("7 h")


@pytest.mark.any_broker
@pytest.mark.any_database
def test_time_between_a_success_and_a_retry_is_neither_wait_nor_run(
    work, oldest, admin_client
):
    result = tasks.add.enqueue(1, 2)
    work()
    row = result.row
    age(row)

    operations.results.retry(TaskResult.objects.all())
    assert oldest() < SHORT.total_seconds()
    assert "Attempt 1, until retried" in spans(admin_client, row)
    work()

    row.refresh_from_db()
    assert row.waited < SHORT
    assert row.ran < SHORT
    told = spans(admin_client, row)
    assert [text for text, time in told.items() if "h" in time] == [
        "Earlier attempts, until retried"
    ]


@pytest.mark.any_broker
@pytest.mark.any_database
def test_a_result_cancelled_while_it_waits_for_a_retry_has_not_run(work, admin_client):
    result = tasks.fail_at_first.enqueue("again", 99)
    work()
    row = result.row
    age(row)

    operations.results.retry(TaskResult.objects.all(), per_second=0.001)
    operations.results.cancel(TaskResult.objects.all())

    row.refresh_from_db()
    assert row.status == Status.CANCELLED
    assert (row.waited, row.ran) == (None, None)
    assert TaskResult.objects.stats().longest_run is None
    assert "7 h" not in " ".join(
        time
        for text, time in spans(admin_client, row).items()
        if text != "Failed, until retried"
    )


@pytest.mark.any_broker
@pytest.mark.any_database
def test_a_retry_with_backoff_has_waited_since_its_due_time(work, admin_client):
    result = tasks.fail_at_first.enqueue("backoff", 1)

    work()

    row = result.row
    first = row.errors[0]
    assert first["due_at"] == row.enqueued_at.isoformat()
    assert row.run_after > datetime.fromisoformat(first["failed_at"])
    texts = list(spans(admin_client, row))
    assert texts[0] == "Waited for a worker"
    assert "Scheduled" in texts[2:]
    assert row.waited == max(row.last_attempted_at - row.run_after, timedelta(0))
    assert row.ran == row.finished_at - row.last_attempted_at


@pytest.mark.any_broker
@pytest.mark.any_database
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_time_in_an_attempt_that_a_node_lost_is_neither_wait_nor_run(
    start_node, work, gate, end
):
    result = tasks.wait_for_gate.enqueue("long", gate.path)
    node = start_node("--processes=1", "--grace=0.1", TASKHUB_LEASE_SECONDS="1")
    wait_until(lambda: result.row.status == Status.RUNNING, "it to run")
    # The same state as after a run of seven hours.
    TaskResult.objects.update(
        enqueued_at=result.row.enqueued_at - LONG,
        started_at=result.row.started_at - LONG,
        last_attempted_at=result.row.last_attempted_at - LONG,
    )
    if end == "kill":
        node.kill()
    else:
        node.stop()
    gate.open()
    work()

    row = result.row
    assert row.status == Status.SUCCESSFUL
    assert row.attempts == 2
    assert row.waited < SHORT
    assert row.ran < SHORT
    (figures,) = read_metrics("15m").by_task
    assert figures.wait.p99 < SHORT.total_seconds()


def test_the_oldest_result_is_the_one_that_has_waited_longest(config, oldest):
    """The result that was enqueued first is younger: it has just been retried."""
    early, late = tasks.add.enqueue(1), tasks.add.enqueue(2)
    now = timezone.now()
    TaskResult.objects.filter(pk=early.id).update(run_after=now)
    TaskResult.objects.filter(pk=late.id).update(enqueued_at=now - LONG)

    assert oldest() == pytest.approx(LONG.total_seconds(), abs=3600)


@pytest.mark.any_broker
@pytest.mark.any_database
def test_taskstatus_reports_no_long_wait_after_a_retry(work, capsys):
    result = tasks.fail_at_first.enqueue("calm", 99)
    work()
    age(result.row)
    operations.results.retry(TaskResult.objects.all())

    with pytest.raises(SystemExit):
        call_command("taskstatus")

    assert "have waited for" not in capsys.readouterr().out
