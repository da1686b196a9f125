"""`OPTIONS["run"] = "immediately"`: tasks run in the process that enqueues them."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import TestCase
from django.utils import timezone

from taskhub import operations
from taskhub.beat.ticker import Ticker
from taskhub.checks.backends import check_immediate_runs
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import TaskFailed
from taskhub.models import PeriodicTask, Place, Status, TaskMetrics, TaskResult
from tests import inline_tasks, tasks
from tests.factories import PeriodicTaskFactory
from tests.models import Trace

in_test_case = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def config(configure, broker_url):
    return configure(run="immediately", broker_url=broker_url)


def status():
    return TaskResult.objects.get().status


@pytest.mark.parametrize(
    "mode", [pytest.param(1, marks=in_test_case), pytest.param(2, marks=committing)]
)
def test_a_result_can_be_read_right_after_enqueueing(mode):
    assert tasks.add.enqueue(1, b=2).get(timeout=0) == 3


@in_test_case
def test_the_result_of_enqueue_shows_the_outcome_once_refreshed():
    result = tasks.add.enqueue(1, b=2)
    assert result.status == Status.READY

    result.refresh()

    assert (result.status, result.return_value) == (Status.SUCCESSFUL, 3)


@in_test_case
def test_a_task_costs_the_documented_number_of_queries(django_assert_num_queries):
    # Tests of other packages count queries; see docs/howto/testing.md.
    with django_assert_num_queries(7):
        tasks.add.enqueue(1)


@committing
def test_a_task_runs_at_the_commit_of_its_transaction():
    with transaction.atomic():
        tasks.add.enqueue(1)
        assert status() == Status.READY

    assert status() == Status.SUCCESSFUL


@committing
def test_a_task_is_not_run_after_a_rollback():
    with transaction.atomic():
        tasks.trace.enqueue("never")
        transaction.set_rollback(True)

    assert tasks.count_traces("never") == 0
    assert not TaskResult.objects.exists()


@in_test_case
def test_in_a_test_case_the_end_of_the_outermost_block_is_the_commit():
    with transaction.atomic():
        with transaction.atomic():
            tasks.add.enqueue(1)
        assert status() == Status.READY

    assert status() == Status.SUCCESSFUL


@in_test_case
def test_in_a_test_case_a_task_is_not_run_after_a_rollback():
    with transaction.atomic():
        tasks.trace.enqueue("never")
        transaction.set_rollback(True)
    with transaction.atomic():
        pass

    assert tasks.count_traces("never") == 0


@in_test_case
def test_captured_callbacks_do_not_run_a_task_twice():
    with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
        tasks.trace.enqueue("once")

    assert tasks.count_traces("once") == 1


@in_test_case
def test_a_failure_is_in_the_row_and_not_raised():
    result = tasks.fail.enqueue("no such user")

    assert result.row.status == Status.FAILED
    with pytest.raises(TaskFailed, match="no such user"):
        result.get(timeout=0)


@in_test_case
def test_retries_are_made_at_once():
    assert inline_tasks.fail_twice.enqueue("label").get(timeout=0) == 3


@in_test_case
def test_a_task_has_its_context_and_meta():
    result = inline_tasks.tell_context.using(meta={"tenant": 7}).enqueue()

    told = {"attempt": 1, "meta": {"tenant": 7}, "current": result.id}
    assert result.get(timeout=0) == told


class FrozenDatetime(datetime):
    """A subclass of datetime that replaces the class, as in a test with freezegun."""

    @classmethod
    def now(cls, tz=None):
        return cls(2027, 3, 28, 12, tzinfo=UTC).astimezone(tz)


@in_test_case
def test_tasks_run_while_a_library_replaces_the_datetime_class(monkeypatch):
    monkeypatch.setattr("taskhub.foundation.clock.datetime", FrozenDatetime)

    result = tasks.add.enqueue(1, b=2)

    assert result.get(timeout=0) == 3
    assert result.row.enqueued_at == FrozenDatetime.now(UTC)


@in_test_case
def test_many_calls_run_in_their_order():
    tasks.trace.enqueue_many([("first",), ("second",)])

    assert Trace.labels() == ["first", "second"]


@in_test_case
@pytest.mark.parametrize("durable", [True, False])
def test_what_is_due_later_keeps_its_row(durable):
    later = tasks.trace.using(run_after=timedelta(hours=1), durable=durable)
    later.enqueue("later")

    assert TaskResult.objects.get().status == Status.READY
    assert not Trace.objects.exists()


@in_test_case
def test_workers_find_what_was_due_later(config):
    tasks.trace.using(run_after=timedelta(hours=1)).enqueue("later")

    in_rows = config.options.broker_url == "database://"
    place = Place.DELAYED if in_rows else Place.NOWHERE
    assert TaskResult.objects.get().place == place


@committing
def test_a_task_that_is_not_durable_gets_its_row_when_it_has_finished():
    result = tasks.fleeting.enqueue(3)

    assert result.get(timeout=0) == 3
    assert Trace.labels() == ["fleeting"]


@in_test_case
def test_results_that_are_not_kept_have_no_row():
    tasks.keep_nothing.enqueue(fails=False)

    assert Trace.labels() == ["not kept"]
    assert not TaskResult.objects.exists()


@in_test_case
def test_a_task_can_wait_for_what_it_enqueues():
    assert inline_tasks.enqueue_and_wait.enqueue().get(timeout=0) == 3


@committing
def test_an_async_task_can_wait_for_what_it_enqueues():
    assert inline_tasks.aenqueue_and_wait.enqueue().get(timeout=0) == 3


@committing
def test_tasks_can_be_enqueued_on_an_event_loop():
    async def test():
        result = await tasks.async_add.aenqueue(1, b=2)
        return await result.aget(timeout=0)

    assert async_to_sync(test)() == 3


@in_test_case
def test_a_timeout_holds_after_another_task_has_run_inside():
    result = inline_tasks.enqueue_and_sleep.enqueue()

    with pytest.raises(TaskFailed, match="past its timeout"):
        result.get(timeout=0)


@in_test_case
def test_a_timeout_that_ends_during_another_task_is_raised_after_it():
    result = inline_tasks.enqueue_for_longer_than_the_timeout.enqueue()

    with pytest.raises(TaskFailed, match="past its timeout"):
        result.get(timeout=0)
    inner = TaskResult.objects.for_task(inline_tasks.sleep).get()
    assert inner.status == Status.SUCCESSFUL
    assert Trace.labels() == []


@in_test_case
def test_a_long_chain_of_tasks_is_not_nested():
    inline_tasks.count_down.enqueue(100)

    assert Trace.labels() == [str(number) for number in range(100, -1, -1)]
    assert set(TaskResult.objects.values_list("status", flat=True)) == {"SUCCESSFUL"}


@committing
def test_what_an_atomic_task_enqueues_runs_after_its_commit():
    inline_tasks.enqueue_child_atomically.enqueue("child")

    assert Trace.labels() == ["parent ended", "child"]


@committing
def test_progress_is_written_while_a_task_runs():
    assert inline_tasks.tell_own_progress.enqueue().get(timeout=0) == 3


@committing
def test_metrics_are_counted():
    tasks.add.enqueue(1)

    assert TaskMetrics.objects.get().successful == 1


@in_test_case
def test_an_operator_can_retry_a_result():
    inline_tasks.trace_and_fail.enqueue("label")

    operations.results.retry(TaskResult.objects.all())

    assert Trace.labels() == ["label", "label"]
    assert TaskResult.objects.get().attempts == 2


@in_test_case
def test_an_interrupt_reaches_the_caller():
    with pytest.raises(KeyboardInterrupt):
        inline_tasks.raise_this.enqueue("KeyboardInterrupt")

    assert status() == Status.FAILED


@committing
def test_a_schedule_runs_its_task_in_the_process_of_the_beat():
    due = timezone.now() - timedelta(seconds=1)
    row = PeriodicTaskFactory()
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=due, look_at=due)

    Ticker().run_once()

    assert TaskResult.objects.get().return_value == 3


@committing
def test_a_worker_is_refused():
    with pytest.raises(CommandError, match="'run'\\] is 'immediately'"):
        call_command("taskworker")


@pytest.mark.parametrize(("debug", "ids"), [(True, []), (False, ["taskhub.W006"])])
def test_a_deployed_site_is_warned(settings, debug, ids):
    settings.DEBUG = debug

    assert [each.id for each in check_immediate_runs()] == ids


def test_a_wrong_value_is_an_error_with_the_nearest(configure):
    configure(run="immediatly")

    (error,) = compat.task_backends["default"].check()
    assert error.msg.endswith("is 'immediatly'; did you mean 'immediately'?")
