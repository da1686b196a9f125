"""Real nodes: which tasks run, in which order, and which outcomes are written."""

import signal
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from taskhub.brokers import get_broker
from taskhub.exceptions import (
    ResultNotKept,
    ResultTruncated,
    TaskExpired,
    TaskFailed,
)
from taskhub.models import Status, TaskResult
from tests import tasks, worker_tasks
from tests.connections import idle_seconds
from tests.models import Trace
from tests.nodes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


# Which tasks run, and when.


def test_sync_and_async_tasks_with_positional_and_keyword_arguments(drain):
    results = [
        tasks.add.enqueue(1, b=2),
        tasks.async_add.enqueue(a=3, b=4),
        tasks.send.delay("a@example.com", subject="hi"),
        tasks.add.apply_async(args=[5], kwargs={"b": 6}),
        tasks.plain.enqueue("plain"),
    ]

    drain()

    values = [result.get(timeout=1) for result in results]
    assert values == [3, 7, "hi, a@example.com", 11, "plain"]


def test_every_task_runs_exactly_once_with_several_processes_and_threads(drain):
    tasks.trace.enqueue_many([(f"{number}",) for number in range(500)])

    drain("--threads=3", processes=3)

    assert sorted(Trace.labels()) == sorted(str(number) for number in range(500))
    assert TaskResult.objects.stats().successful == 500


def test_a_node_works_only_for_its_queues(config, drain):
    mail = tasks.send.enqueue("a@example.com")
    default = tasks.add.enqueue(1)

    drain("--queues=mail")

    assert mail.row.is_finished
    assert default.row.status == Status.READY


def test_higher_priorities_run_first(drain):
    for priority in (-5, 0, 100, 7):
        tasks.trace.using(priority=priority).enqueue(str(priority))

    drain()

    assert Trace.labels() == ["100", "7", "0", "-5"]


def test_a_task_does_not_run_before_it_is_due(start_node):
    due = timezone.now() + timedelta(seconds=2)
    later = tasks.trace.using(run_after=due).enqueue("later")
    start_node("--processes=1")

    later.get(timeout=60)

    assert later.row.started_at >= due


def test_a_drain_does_not_wait_for_messages_that_are_not_due(drain):
    result = tasks.add.using(run_after=timedelta(days=1)).enqueue(1)

    drain()

    assert result.row.status == Status.READY


def test_a_drain_runs_what_its_tasks_enqueue(drain):
    tasks.enqueue_more.enqueue(20)

    drain(processes=2)

    assert len(Trace.labels()) == 20


def test_an_expired_task_is_not_run(drain):
    result = tasks.trace.using(expires_after=timedelta(microseconds=1)).enqueue("no")

    drain()

    assert Trace.labels() == []
    row = result.row
    assert (row.status, row.attempts, row.started_at) == (Status.CANCELLED, 0, None)
    with pytest.raises(TaskExpired, match="It expired at"):
        row.get()


def test_an_idle_node_starts_a_new_task_at_once(start_node):
    """A hint or a notification wakes it before its next look, a second later."""
    node = start_node("--processes=2")
    tasks.add.enqueue(1).get(timeout=30)

    results = []
    for _ in range(20):
        result = tasks.add.enqueue(1)
        result.get(timeout=30)
        results.append(result.row)

    waits = sorted(row.waited for row in results)
    assert waits[len(waits) // 2] < timedelta(seconds=0.9)
    assert node.stop() == 0


def test_many_async_tasks_run_concurrently(start_node, gate):
    start_node("--processes=1", "--async-tasks=50")
    tasks.async_wait_for_gate.enqueue_many([(i, gate.path) for i in range(50)])

    wait_until(
        lambda: TaskResult.objects.running().count() == 50, "50 tasks at a time", 30
    )
    gate.open()

    wait_until(lambda: TaskResult.objects.successful().count() == 50, "their end")


def test_threads_run_sync_tasks_concurrently(start_node, gate):
    start_node("--processes=1", "--threads=4")
    tasks.wait_for_gate.enqueue_many([(f"{i}", gate.path) for i in range(4)])

    wait_until(lambda: Trace.objects.count() == 4, "four tasks at a time", 30)
    assert len(set(Trace.objects.values_list("thread", flat=True))) == 4
    gate.open()

    wait_until(lambda: TaskResult.objects.successful().count() == 4, "their end")


def test_short_tasks_do_not_wait_behind_a_long_one(start_node, gate):
    start_node("--processes=2")
    # Each process learns that the tasks are short, and reserves many at once.
    warm_up = tasks.add.enqueue_many([(i,) for i in range(200)])
    for result in warm_up:
        result.get(timeout=30)

    long = tasks.wait_for_gate.enqueue("long", gate.path)
    short = tasks.add.enqueue_many([(i,) for i in range(100)])

    for result in short:
        result.get(timeout=30)
    wait_until(lambda: long.row.status == Status.RUNNING, "the long one's mark")
    gate.open()
    assert long.get(timeout=30) == "long"


def test_a_long_task_is_marked_as_running_and_reports_its_progress(start_node, gate):
    start_node("--processes=1")
    result = tasks.tell_progress.enqueue(gate.path)

    wait_until(lambda: result.row.progress and result.row.status == "RUNNING", "it")

    row = result.row
    message = "three\\u0000 of ten"
    expected = {"done": 3, "total": 10, "message": message}
    assert row.progress.items() >= expected.items()
    assert (row.attempts, len(row.worker_ids)) == (1, 1)
    assert row.started_at
    assert not row.finished_at
    gate.open()
    assert result.get(timeout=30) == result.id


def test_the_row_of_a_finished_short_task_has_no_place(drain):
    result = tasks.add.enqueue(1)

    drain()

    row = result.row
    assert (row.attempts, row.place, row.held_by) == (1, "", "")


# Failures of tasks, and values that cannot be stored as they are.


def test_a_worker_process_survives_tasks_that_fail_or_misbehave(drain):
    failing = [
        tasks.fail.enqueue(),
        tasks.leave_process.enqueue(0),
        tasks.give_odd.enqueue("set"),
        tasks.give_odd.enqueue("endless"),
    ]
    # A task that lost its connection to a server is given back: see test_outages.
    lost = tasks.break_connection.enqueue()
    fine = [
        tasks.close_connection.enqueue(),
        tasks.leave_transaction_open.enqueue(),
        tasks.trace.enqueue("after all"),
    ]

    log = drain()

    for result in failing:
        row = result.row
        assert (row.status, row.attempts) == (Status.FAILED, 1), row
        assert row.errors[0]["traceback"].startswith("Traceback"), row
    for result in fine:
        result.get(timeout=1)
    assert lost.row.status != Status.SUCCESSFUL
    # One process has run all tasks, so none of them ended it.
    assert len({result.row.worker_ids[0] for result in failing + fine}) == 1
    assert "never committed" not in Trace.labels()
    assert "after all" in Trace.labels()
    assert "CRITICAL" not in log


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("nul", "a\\u0000b"),
        ("surrogate", ["\\ud800", {"\\udfff": 1}]),
        ("nan", ["nan", "inf", "-inf"]),
    ],
)
def test_return_values_that_databases_refuse_are_escaped(drain, kind, value):
    result = tasks.give_odd.enqueue(kind)

    drain()

    assert result.get() == value
    assert "return value" in result.row.storage_notes["escaped"]


@pytest.mark.parametrize("kind", ["big", "wide", "deep"])
def test_return_values_that_are_too_large_are_truncated(drain, kind):
    result = tasks.give_odd.enqueue(kind)

    drain()

    row = result.row
    assert row.status == Status.SUCCESSFUL
    assert isinstance(row.return_value, str)
    assert len(row.return_value) > 50
    with pytest.raises(ResultTruncated, match="too much to store"):
        result.get()


def test_large_integers_are_stored_unchanged(drain):
    result = tasks.give_odd.enqueue("int")

    drain()

    assert result.get() == 2**200


def test_an_error_with_odd_characters_and_a_long_text_is_stored(drain):
    result = tasks.fail_oddly.enqueue()

    drain()

    (error,) = result.row.errors
    assert error["message"].startswith("NUL \\u0000, surrogate \\udc80")
    assert "characters left out" in error["traceback"]
    with pytest.raises(TaskFailed, match="ValueError") as caught:
        result.get()
    assert "fail_oddly" in caught.value.traceback


def test_a_language_that_a_task_activates_is_reset_after_it(drain):
    results = [tasks.set_language.enqueue("de") for _ in range(3)]

    drain()

    assert [result.get() for result in results] == ["en"] * 3


def test_a_signal_to_a_child_of_a_task_does_not_stop_the_worker(drain):
    result = tasks.fork_and_signal.enqueue()
    after = tasks.add.enqueue(1)

    drain()

    assert result.get() == -signal.SIGTERM
    assert after.get() == 1


# Which rows are kept.


def test_each_task_determines_which_of_its_results_are_kept(drain):
    successful, failed = tasks.keep_errors.enqueue(False), tasks.keep_errors.enqueue(1)
    nothing = [tasks.keep_nothing.enqueue(fails) for fails in (False, True)]

    drain()

    assert [str(pk) for pk in TaskResult.objects.all().ids()] == [failed.id]
    for result in (successful, *nothing):
        with pytest.raises(ResultNotKept):
            result.get(timeout=1)
    assert Trace.labels() == ["not kept"] * 2


def test_a_task_that_is_not_durable_has_a_row_when_it_has_finished(config, drain):
    result = tasks.fleeting.using(meta={"order": 7}).enqueue(1)
    lives_in_rows = get_broker(config).lives_in_rows
    assert TaskResult.objects.exists() == lives_in_rows

    drain()

    row = TaskResult.objects.get()
    assert (row.args, row.meta, row.return_value) == ([1], {"order": 7}, 1)
    assert row.enqueued_at == result.enqueued_at
    assert result.get() == 1
    assert Trace.labels() == ["fleeting"]


def test_a_child_that_a_task_forks_does_not_run_the_worker_code(drain):
    result = tasks.fork_and_leave.enqueue("a")
    after = tasks.trace.enqueue_many([(f"{number}",) for number in range(20)])

    drain()

    assert result.get(timeout=1) == 7
    expected = sorted(["a", *(f"{number}" for number in range(20))])
    assert sorted(Trace.labels()) == expected
    assert all(each.row.attempts == 1 for each in [result, *after])


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no server")
def test_children_that_a_task_forks_have_their_own_connections(start_node):
    node = start_node("--processes=1")
    first = tasks.fork_and_query.enqueue(1, "nothing").get(timeout=60)
    opened = set(idle_seconds())

    results = [
        tasks.fork_and_query.enqueue(2, ending) for ending in ("leave", "close") * 2
    ]
    for result in results:
        found = result.get(timeout=60)
        assert found["codes"] == [0, 0]
        assert set(found["seen"]) == {found["mine"]}
        assert found["mine"] == first["mine"]

    # The children have closed no connection of the worker process, and the tasks
    # that they have enqueued are run.
    wait_until(lambda: Trace.labels().count("enqueued by a child") == 8, "all of them")
    assert opened <= set(idle_seconds())
    children = [label for label in Trace.labels() if label.startswith("child on")]
    assert len(set(children)) == 8
    assert f"child on {first['mine']}" not in children
    assert "ERROR" not in node.log


@pytest.mark.any_broker
@pytest.mark.parametrize("threads", [1, 2])
def test_an_async_function_behind_a_plain_decorator_is_awaited(drain, threads):
    done = worker_tasks.hidden_async.enqueue("done")
    failed = worker_tasks.hidden_async.enqueue("failed", fails=True)
    # The wait of a thread is not interrupted.
    slow = worker_tasks.hidden_async_past_timeout.enqueue() if threads == 1 else failed

    log = drain(f"--threads={threads}")

    assert done.get(timeout=1) == "done"
    assert sorted(Trace.labels()) == ["done", "failed"]
    assert failed.row.errors[-1]["message"] == "failed"
    assert slow.row.errors[-1]["exception_class_path"].endswith(
        "TaskTimeout" if threads == 1 else "ValueError"
    )
    assert "never awaited" not in log
