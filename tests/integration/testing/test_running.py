"""`taskhub.run()`: tasks run in a test as a worker would run them."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError

from taskhub import operations
from taskhub.exceptions import TaskFailed, TaskTimeout
from taskhub.foundation.current import current_result
from taskhub.models import (
    QuarantinedMessage,
    Status,
    TaskLog,
    TaskMetrics,
    TaskResult,
)
from tests import inline_tasks, tasks
from tests.factories import TaskResultFactory
from tests.models import Trace

pytestmark = [pytest.mark.any_broker]


@pytest.fixture(autouse=True)
def config(configure, broker_url):
    return configure(broker_url=broker_url)


def test_a_task_is_run_and_its_outcome_written(taskhub):
    tasks.add.enqueue(1, b=2)

    ran = taskhub.run()

    row = TaskResult.objects.get()
    assert (row.status, row.return_value, row.attempts) == (Status.SUCCESSFUL, 3, 1)
    assert row.worker_ids[0].startswith("inline-")
    assert ran.of(tasks.add).successful == 1
    assert ran.return_values == [3]
    assert ran.results == [row]
    assert not ran.of(tasks.send)
    assert repr(ran) == "<Ran 1: tests.tasks.add 1 SUCCESSFUL>"


def test_only_the_given_task_is_run(taskhub):
    tasks.add.enqueue(1)
    tasks.trace.enqueue("other")

    assert len(taskhub.run(tasks.trace)) == 1

    assert TaskResult.objects.for_task(tasks.add).get().status == Status.READY


def test_the_exception_of_a_task_reaches_the_test(taskhub):
    tasks.fail.enqueue("no such user")
    tasks.trace.enqueue("after the failure")

    with pytest.raises(ValueError, match="no such user") as caught:
        taskhub.run()

    result = TaskResult.objects.for_task(tasks.fail).get()
    assert result.errors[0]["message"] == "no such user"
    assert caught.value.__notes__ == [
        f"Raised by tests.tasks.fail, result {result.pk}."
    ]
    assert Trace.labels() == ["after the failure"]


def test_failures_may_stay_in_the_rows(taskhub):
    tasks.fail.enqueue("no such user")

    ran = taskhub.run(raises=False)

    assert ran.of(tasks.fail).failed == 1
    assert [str(error) for error in ran.errors] == ["no such user"]
    assert TaskResult.objects.get().cause


@pytest.mark.parametrize("task", [tasks.add, tasks.async_add])
def test_tasks_may_be_async(taskhub, task):
    task.enqueue(1, b=2)

    assert taskhub.run().return_values == [3]


def test_async_tests_can_run_tasks(taskhub):
    async def test():
        await tasks.async_add.aenqueue(1, b=2)
        await tasks.add.aenqueue(3)
        return await taskhub.arun()

    assert async_to_sync(test)().return_values == [3, 3]


# What tasks can do.


def test_retries_are_made_at_once_and_their_pauses_told(taskhub):
    inline_tasks.fail_twice.enqueue("label")

    ran = taskhub.run()

    assert ran.return_values == [3]
    assert ran.pauses == [timedelta(hours=1)] * 2
    row = TaskResult.objects.get()
    assert (row.attempts, len(row.errors)) == (3, 2)


def test_a_task_that_gives_up_is_not_retried(taskhub):
    tasks.fail_with.enqueue("label", "missing")

    ran = taskhub.run(raises=False)

    assert ran.failed == 1
    assert ran.pauses == []
    assert tasks.count_traces("label") == 1


def test_a_task_can_ask_for_a_retry(taskhub):
    tasks.ask_for_a_retry.enqueue("label")

    ran = taskhub.run()

    assert ran.return_values == [3]
    assert ran.pauses == [timedelta(seconds=0.05)] * 2


def test_results_that_are_not_kept_have_no_row(taskhub):
    tasks.keep_nothing.enqueue(fails=False)
    tasks.keep_nothing.enqueue(fails=True)
    tasks.keep_errors.enqueue(fails=True)

    ran = taskhub.run(raises=False)

    assert (ran.successful, ran.failed) == (1, 2)
    assert [str(error) for error in ran.errors] == ["not kept", "kept"]
    assert TaskResult.objects.get().task_path == tasks.keep_errors.module_path


def test_return_values_are_stored_as_json(taskhub):
    tasks.give_odd.enqueue("tuple")
    tasks.give_odd.enqueue("nul")

    assert taskhub.run().return_values == [[1, [2]], "a\\u0000b"]
    assert "escaped" in TaskResult.objects.order_by("id").last().storage_notes


def test_a_return_value_that_json_cannot_hold_fails_the_task(taskhub):
    tasks.give_odd.enqueue("set")

    with pytest.raises(TypeError, match="JSON cannot hold"):
        taskhub.run()


def test_the_work_of_an_atomic_task_is_rolled_back_if_it_fails(taskhub):
    tasks.trace_atomically_and_fail.enqueue("undone")
    inline_tasks.trace_and_fail.enqueue("done")

    taskhub.run(raises=False)

    assert Trace.labels() == ["done"]


def test_an_atomic_task_succeeds(taskhub):
    tasks.trace_atomically.enqueue("done")

    assert taskhub.run().return_values == ["done"]
    assert Trace.labels() == ["done"]


@pytest.mark.parametrize(
    "task", [inline_tasks.report_progress, inline_tasks.areport_progress]
)
def test_progress_is_written(taskhub, task):
    task.enqueue()

    taskhub.run()

    progress = {"done": 3, "total": 10, "message": "three of ten"}
    assert TaskResult.objects.get().progress.items() >= progress.items()


def test_log_lines_are_kept_and_reach_the_site(taskhub, caplog):
    inline_tasks.log.enqueue("a line")

    taskhub.run()

    ((_moment, level, name, text),) = TaskLog.objects.get().lines
    assert (level, name, text) == ("WARNING", "tests.inline_tasks", "a line")
    assert "a line" in caplog.messages


def test_metrics_are_counted(taskhub):
    tasks.add.enqueue(1)
    tasks.fail.enqueue()

    taskhub.run(raises=False)

    rows = TaskMetrics.objects.all()
    assert sum(row.successful for row in rows) == 1
    assert sum(row.failed for row in rows) == 1


def test_a_task_has_its_context_and_meta(taskhub):
    result = inline_tasks.tell_context.using(meta={"tenant": 7}).enqueue()

    taskhub.run()

    told = {"attempt": 1, "meta": {"tenant": 7}, "current": result.id}
    assert result.row.return_value == told
    assert current_result.get() is None


def test_what_a_task_enqueues_is_run_with_it_as_the_parent(taskhub):
    parent = inline_tasks.enqueue_child.enqueue("child")

    taskhub.run()

    child = TaskResult.objects.for_task(tasks.trace).get()
    assert str(child.parent_id) == parent.id
    assert Trace.labels() == ["child"]


@pytest.mark.parametrize(
    "task", [inline_tasks.sleep_for_a_minute, inline_tasks.async_sleep_for_a_minute]
)
def test_a_timeout_ends_a_task(taskhub, task):
    task.enqueue()

    with pytest.raises(TaskTimeout, match=r"past its timeout of 0.05 s"):
        taskhub.run()

    assert TaskResult.objects.get().status == Status.FAILED


# What is due, and in which order.


def test_higher_priorities_run_first_then_older_results(taskhub):
    tasks.trace.enqueue("second")
    tasks.trace.enqueue("third")
    tasks.trace.using(priority=1).enqueue("first")

    taskhub.run()

    assert Trace.labels() == ["first", "second", "third"]


def test_many_results_that_are_not_due_are_passed_over(taskhub):
    later = datetime.now(UTC) + timedelta(hours=1)
    tasks.add.using(run_after=later, priority=1).enqueue_many([(1,)] * 60)
    tasks.add.enqueue(1)

    assert len(taskhub.run()) == 1


def test_a_paused_queue_is_not_run(taskhub):
    tasks.send.enqueue("somebody")
    queue = operations.queues.Queue("mail")
    operations.queues.pause(queue)

    assert not taskhub.run()

    operations.queues.resume(queue)
    assert taskhub.run()


def test_retries_within_a_set_time_wait_until_they_are_due(taskhub):
    inline_tasks.fail_twice.enqueue("label")

    with taskhub.at("2099-01-01T00:00Z"):
        ran = taskhub.run()
        assert (ran.waiting, ran.pauses) == (1, [timedelta(hours=1)])
        assert not taskhub.run()
    with taskhub.at("2099-01-01T00:59Z"):
        assert not taskhub.run()
    with taskhub.at("2099-01-01T01:00Z"):
        assert taskhub.run().waiting == 1
    with taskhub.at("2099-01-01T02:00Z"):
        assert taskhub.run().return_values == [3]


def test_an_expired_task_is_not_run(taskhub):
    inline_tasks.expire.enqueue()

    with taskhub.at(datetime.now(UTC) + timedelta(hours=2)):
        ran = taskhub.run()

    assert ran.cancelled == 1
    assert "It expired at" in TaskResult.objects.get().errors[0]["message"]
    assert not Trace.objects.exists()


def test_what_is_enqueued_at_a_set_time_expires_from_then_on(taskhub):
    with taskhub.at("2099-01-01T00:00Z"):
        inline_tasks.expire.enqueue()
        assert taskhub.run().successful == 1


def test_a_task_is_not_retried_after_its_expiry(taskhub):
    with taskhub.at("2099-01-01T00:00Z"):
        inline_tasks.fail_before_expiry.enqueue()

        assert taskhub.run(raises=False).failed == 1


def test_an_unknown_task_waits_for_newer_code_and_then_fails(taskhub):
    TaskResultFactory(task_path="tests.tasks.gone")

    assert len(taskhub.run()) == 1
    assert TaskResult.objects.get().status == Status.READY

    with taskhub.at(datetime.now(UTC) + timedelta(minutes=11)):
        assert taskhub.run(raises=False).failed == 1
    assert "is registered here" in TaskResult.objects.get().errors[0]["message"]
    assert QuarantinedMessage.objects.exists()


def test_a_row_that_no_worker_could_read_fails(taskhub):
    row = TaskResultFactory()
    TaskResult.objects.filter(pk=row.pk).update(kwargs=["not an object"])

    assert taskhub.run(raises=False).failed == 1
    assert "kwargs" in TaskResult.objects.get().errors[0]["message"]


def test_a_message_that_is_too_large_is_quarantined(taskhub, configure):
    tasks.give_back.enqueue("x" * 200_000)
    configure(max_argument_bytes=1024)

    taskhub.run()

    assert "are allowed" in QuarantinedMessage.objects.get().reason
    assert TaskResult.objects.get().status == Status.READY


# The fence.


@pytest.mark.parametrize(
    ("task", "status"),
    [
        (inline_tasks.cancel_itself, Status.CANCELLED),
        (inline_tasks.give_itself_to_another, Status.RUNNING),
    ],
)
def test_the_fence_refuses_the_outcome_of_a_result_that_was_taken_away(
    taskhub, task, status
):
    result = task.enqueue()

    ran = taskhub.run()

    row = result.row
    assert (row.status, row.return_value) == (status, None)
    assert (ran.successful, ran.results) == (0, [row])


def test_a_cancelled_result_is_not_run(taskhub):
    tasks.trace.enqueue("never")
    operations.results.cancel(TaskResult.objects.all())

    assert not taskhub.run()


def test_a_retry_by_an_operator_is_run(taskhub):
    tasks.fail.enqueue()
    taskhub.run(raises=False)
    operations.results.retry(TaskResult.objects.all())

    taskhub.run(raises=False)

    row = TaskResult.objects.get()
    assert (row.attempts, len(row.errors)) == (2, 2)


# Workers that die.


def test_a_worker_that_dies_during_a_task_leaves_it_to_the_next(taskhub):
    tasks.trace.enqueue("once")

    (row,) = taskhub.crash(during=tasks.trace)

    assert (row.status, row.attempts) == (Status.READY, 1)
    assert row.errors[0]["exception_class_path"] == "taskhub.exceptions.WorkerDied"
    assert not Trace.objects.exists()
    assert taskhub.run().successful == 1
    assert TaskResult.objects.get().attempts == 2
    assert Trace.labels() == ["once"]


def test_a_worker_can_die_at_a_set_time(taskhub):
    with taskhub.at("2020-01-01T00:00Z"):
        tasks.trace.enqueue("once")
        taskhub.crash(during=tasks.trace)

        assert taskhub.run().successful == 1


def test_a_worker_that_dies_after_the_call_makes_a_duplicate(taskhub):
    tasks.trace.enqueue("label")

    taskhub.crash(after=tasks.trace)
    taskhub.run()

    assert Trace.labels() == ["label", "label"]


def test_the_work_of_an_atomic_task_is_undone_by_a_death(taskhub):
    tasks.trace_atomically.enqueue("label")

    taskhub.crash(after=tasks.trace_atomically)
    assert not Trace.objects.exists()
    taskhub.run()

    assert Trace.labels() == ["label"]


def test_a_task_is_given_up_after_too_many_deaths(taskhub):
    tasks.trace.enqueue("never")
    for _ in range(3):
        taskhub.crash(during=tasks.trace)

    with pytest.raises(TaskFailed, match="WorkerDied: It was given up after 3"):
        taskhub.run()


def test_a_crash_of_nothing_is_an_error_of_the_test(taskhub):
    with pytest.raises(AssertionError, match="No result of"):
        taskhub.crash(during=tasks.add)


# The test itself.


@pytest.mark.parametrize(
    ("task", "kept"),
    [(inline_tasks.fail_a_statement, []), (inline_tasks.break_a_constraint, ["first"])],
)
def test_a_failed_statement_leaves_the_transaction_of_the_test_usable(
    taskhub, task, kept
):
    task.enqueue()

    with pytest.raises(IntegrityError):
        taskhub.run()

    assert TaskResult.objects.get().status == Status.FAILED
    assert Trace.labels() == kept


@pytest.mark.parametrize(
    ("kind", "error"),
    [("KeyboardInterrupt", KeyboardInterrupt), ("SystemExit", SystemExit)],
)
def test_what_may_be_meant_for_the_process_reaches_the_test(taskhub, kind, error):
    inline_tasks.raise_this.enqueue(kind)

    with pytest.raises(error):
        taskhub.run(raises=False)

    assert TaskResult.objects.get().status == Status.FAILED


def test_an_async_task_that_exits_reaches_the_test(taskhub):
    inline_tasks.exit_on_event_loop.enqueue()

    with pytest.raises(SystemExit):
        taskhub.run(raises=False)

    assert TaskResult.objects.get().status == Status.FAILED


@pytest.mark.parametrize("kind", ["TaskTimeout", "CancelledError", "OperationalError"])
def test_other_exceptions_are_failures_of_the_task(taskhub, kind):
    inline_tasks.raise_this.enqueue(kind)

    assert taskhub.run(raises=False).failed == 1


def test_tasks_that_enqueue_each_other_endlessly_are_reported(taskhub):
    inline_tasks.enqueue_itself.enqueue()

    with pytest.raises(AssertionError, match=r"After 20 attempts.*enqueue_itself"):
        taskhub.run(limit=20)


def test_a_task_can_run_others_but_not_itself(taskhub):
    inline_tasks.run_everything.enqueue()
    tasks.trace.enqueue("inner")

    assert taskhub.run().return_values == [1]
    assert Trace.labels() == ["inner"]


@pytest.mark.parametrize("wrong", ["tests.tasks.add", tasks.leave_trace])
@pytest.mark.parametrize(
    "call",
    [
        lambda taskhub, wrong: taskhub.run(wrong),
        lambda taskhub, wrong: taskhub.run().of(wrong),
        lambda taskhub, wrong: taskhub.crash(during=wrong),
        lambda taskhub, wrong: taskhub.enqueued(wrong),
        lambda taskhub, wrong: taskhub.assert_enqueued(wrong),
    ],
)
def test_what_is_not_a_task_is_refused(taskhub, call, wrong):
    with pytest.raises(TypeError, match="is not a task; pass what @task has made"):
        call(taskhub, wrong)


def test_a_crash_is_of_one_kind(taskhub):
    with pytest.raises(TypeError, match="either `during` or `after`"):
        taskhub.crash(during=tasks.add, after=tasks.add)
