"""Celery tasks in real workers: what their options and their runs do."""

from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub.interop.celery.result import AsyncResult
from taskhub.models import Status, TaskResult
from taskhub.models.logs import TaskLog
from tests import celery_tasks as tasks
from tests.models import Trace
from tests.servers import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_broker,
    pytest.mark.any_database,
]


def labels() -> list[str]:
    return list(Trace.objects.order_by("pk").values_list("label", flat=True))


def rows(*results) -> list[TaskResult]:
    return [result.row for result in results]


def classes(row: TaskResult) -> list[str]:
    return [error["exception_class_path"].split(".")[-1] for error in row.errors]


def test_tasks_run_and_return_values(drain):
    results = [
        tasks.add.delay(1, b=2),
        tasks.multiply.apply_async((3,), {"b": 4}),
        tasks.summing.delay([1, 2, 3]),
        tasks.add_async.delay(5, 6),
    ]

    drain()

    assert [result.get(5) for result in results] == [3, 12, 6, 11]
    assert [result.state for result in results] == ["SUCCESS"] * 4
    assert [row.task_path for row in rows(*results)] == [
        "tests.celery_tasks.add",
        "tests.multiply",
        "tests.summing",
        "tests.celery_tasks.add_async",
    ]


def test_an_error_is_not_retried_without_autoretry(drain):
    result = tasks.fail.delay("no")

    drain()

    (row,) = rows(result)
    assert (row.status, row.attempts, labels()) == (Status.FAILED, 1, ["fail"])
    with pytest.raises(ValueError, match="no"):
        result.get()


def test_retry_raises_the_error_when_max_retries_are_used_up(start_node):
    result = tasks.retry_by_hand.delay("away")

    run(start_node, result)

    (row,) = rows(result)
    assert labels() == ["try 0", "try 1", "try 2"]
    assert (row.status, classes(row)) == (Status.FAILED, ["Retry", "Retry", "OSError"])
    assert row.errors[0]["message"] == "Retry in 0s: OSError('away')"


def test_retry_without_an_error_raises_max_retries_exceeded(start_node):
    result = tasks.retry_without_error.delay()

    run(start_node, result)

    assert labels() == ["try 0", "try 1"]
    assert result.get() == "given up"


def test_retry_changes_arguments_and_the_limit(start_node):
    changed = tasks.retry_with_more.delay([5])
    often = tasks.retry_more_often.delay()
    at_end = tasks.retry_at_the_end.delay()

    run(start_node, changed, often, at_end)

    assert changed.get() == [[50, 0, 10], "Decimal"]
    assert changed.args == [[5, 0, 1]]
    assert often.get() == 5
    assert at_end.get() == "returned"
    assert labels() == ["end 0", "end 1"]


def test_arguments_of_a_retry_need_a_row(start_node, config):
    task = tasks.retry_with_more.hub_task.using(durable=False)
    result = AsyncResult(task.enqueue([5]).id)

    start_node("--processes=1")
    wait_until(result.ready, "the end")

    if config.options.broker_url.startswith("redis"):
        assert classes(result.row) == ["ResultNotKept"]
    else:
        # The database broker has a row for each message.
        assert result.get() == [[50, 0, 10], "Decimal"]


def test_retry_counts_down(start_node):
    by_hand = tasks.retry_in_an_hour.delay()
    backoff = tasks.retry_with_backoff.delay()

    start_node("--processes=1")
    for result in (by_hand, backoff):
        wait_until(lambda result=result: result.state == "RETRY", "the retry")

    (first, second) = rows(by_hand, backoff)
    assert first.run_after - timezone.now() > timedelta(minutes=50)
    assert second.errors[0]["message"] == "Retry in 7s: OSError('later')"


@pytest.mark.parametrize(("kind", "runs"), [("os", 3), ("permission", 1), ("value", 1)])
def test_autoretry_decides_which_errors_are_retried(start_node, kind, runs):
    result = tasks.retry_by_itself.delay(kind)

    run(start_node, result)

    assert labels() == [kind] * runs
    assert result.row.status == Status.FAILED


def test_a_base_class_has_hooks_and_attributes(start_node):
    for kind in ("succeed", "fail", "retry"):
        run(start_node, tasks.hooked.delay(kind))

    told = [label for label in labels() if not label.startswith("before_start")]
    assert told == [
        "on_success hello succeed ['succeed'] {}",
        "after_return SUCCESS",
        "on_failure ValueError('no') ValueError",
        "after_return FAILURE",
        "on_retry KeyError('once more')",
        "on_success hello retry ['retry'] {}",
        "after_return SUCCESS",
    ]
    assert len(labels()) - len(told) == 4


def test_an_overridden_call_changes_arguments(drain):
    trace = Trace.objects.create(label="found", pid=1, thread="")
    result = tasks.label_of.delay("it is", trace=trace.pk)

    drain()

    assert result.get() == "it is found"


def test_time_limits(start_node):
    soft = tasks.run_past_the_soft_limit.delay()
    hang = tasks.hang.delay()
    run(start_node, soft, hang)
    hard = tasks.run_past_the_limit.delay()
    run(start_node, hard)

    assert soft.get() == "cleaned up"
    assert classes(hang.row) == ["TaskTimeout"]
    assert "on_failure TaskTimeout" in " ".join(labels())
    assert hard.row.status == Status.FAILED


def test_expiry_of_the_task_and_of_the_call(drain):
    own = tasks.expire_soon.delay()
    past = tasks.add.apply_async((1,), expires=timezone.now() - timedelta(hours=1))
    later = tasks.add.apply_async((1,), countdown=60, expires=30)
    wait_until(lambda: own.row.expires_at < timezone.now(), "the expiry")

    drain()

    assert [own.state, past.state] == ["REVOKED", "REVOKED"]
    assert later.row.expires_at - later.row.enqueued_at < timedelta(seconds=31)
    assert labels() == []


def test_ignored_results_keep_their_failures_only(drain):
    forgotten, failed = tasks.forget.delay(), tasks.forget.delay(fails=True)

    drain()

    assert (forgotten.row, forgotten.state) == (None, "PENDING")
    assert forgotten.get() is None
    assert failed.state == "FAILURE"


def test_throws_is_no_error_in_the_log(drain):
    tasks.expect.delay()

    log = drain()

    assert "Traceback" not in log


def test_queue_and_a_parameter_named_context(drain):
    result = tasks.send_mail.delay(context="news")

    drain("--queues=mail")

    assert result.queue == "mail"
    assert result.get() == "news sent"


def test_the_request_tells_about_the_run(drain):
    eta = timezone.now() - timedelta(seconds=1)
    result = tasks.tell_request.apply_async(
        ("x",), eta=eta, expires=3600, headers={"tenant": 7}
    )
    parent = tasks.tell_request_of_child.delay()
    drain()

    told = result.get()
    assert told["id"] == result.id
    assert told["task"] == told["name"] == told["current"]
    assert (told["args"], told["kwargs"], told["retries"]) == (["x"], {}, 0)
    assert told["headers"] == {"tenant": 7}
    assert told["queue"] == "default"
    assert told["eta"] == eta.isoformat()
    assert told["expires"] == result.row.expires_at.isoformat()
    assert told["hostname"] == result.worker
    assert (told["called_directly"], told["is_eager"]) == (False, False)
    assert (told["parent_id"], told["root_id"]) == (None, result.id)
    (child,) = parent.children
    assert child.get()["parent_id"] == child.get()["root_id"] == parent.id
    assert child.parent == parent


def test_a_reported_state_is_the_state_while_the_task_runs(start_node):
    result = tasks.report.delay()
    node = start_node("--processes=1")
    wait_until(lambda: result.state == "PROGRESS", "the state")

    assert result.info == {"current": 3, "total": 10, "file": "a.csv"}
    assert (result.row.progress["done"], result.row.progress["total"]) == (3, 10)
    Trace.objects.create(label="gate", pid=1, thread="")
    wait_until(result.ready, "the end")
    assert (result.state, result.info) == ("SUCCESS", "reported")
    assert node.stop() == 0


def test_ignore_and_reject(start_node):
    results = [
        tasks.ignore.delay(),
        tasks.ignore.delay(state="FAILURE"),
        tasks.reject.delay(requeue=True),
        tasks.reject.delay(requeue=False),
    ]

    run(start_node, *results)

    assert [result.state for result in results] == [
        "SUCCESS",
        "FAILURE",
        "SUCCESS",
        "FAILURE",
    ]
    assert results[0].result is None
    assert results[2].get() == "accepted"
    assert labels() == ["reject"] * 3


def test_a_task_runs_again_after_a_death_unless_it_is_acknowledged_early(start_node):
    early = tasks.die.delay()
    run(start_node, early)

    assert (early.state, {*classes(early.row)}) == ("FAILURE", {"WorkerDied"})
    assert labels() == ["begun"]
    Trace.objects.all().delete()
    late = tasks.die_late.delay()
    run(start_node, late)

    assert late.get() == "survived"
    assert labels() == ["begun", "begun"]
    assert late.retries == 0


def test_what_a_task_logs_is_stored(drain):
    result = tasks.log_a_line.delay("hello")

    drain()

    log = TaskLog.objects.get(result_id=result.id)
    assert "logged: hello" in str(log.lines)


def test_revoked_results(start_node):
    waiting = tasks.add.apply_async((1,), countdown=3600)
    running = tasks.report.delay()
    start_node("--processes=1")
    wait_until(lambda: running.state == "PROGRESS", "the run")

    tasks.app.control.revoke(waiting.id)
    tasks.app.control.revoke([running.id], terminate=True)

    assert [waiting.state, running.state] == ["REVOKED", "REVOKED"]


def test_a_group_is_enqueued_together(drain):
    result = tasks.fan_out.delay(3)

    drain()

    found = TaskResult.objects.filter(pk__in=result.get())
    assert sorted(row.return_value for row in found) == [1, 2, 3]


def run(start_node, *results):
    """Run a node until all these results have finished."""
    node = start_node("--processes=1")
    for result in results:
        wait_until(result.ready, result.name)
    assert node.stop() == 0
