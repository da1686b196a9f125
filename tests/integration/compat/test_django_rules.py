"""The rules of Django's own tests for a tasks backend, on every broker."""

import asyncio
import logging
from importlib import import_module

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from taskhub.compat import django_tasks as compat
from taskhub.compat.django_tasks import TaskResultStatus
from taskhub.models import TaskResult
from tests import tasks

pytestmark = pytest.mark.usefixtures("config")

VARIANTS = [
    tasks.plain,
    tasks.plain.using(priority=7, queue_name="other"),
    tasks.plain_with_context,
]


@pytest.mark.django_db
@pytest.mark.parametrize("task", VARIANTS)
def test_enqueue_returns_a_result_equal_to_that_of_get_result(task):
    result = task.enqueue((1, {"a": b"bytes"}))

    read = task.get_result(result.id)

    assert read == result
    assert read.task == task
    assert read.args == [[1, {"a": "bytes"}]]
    assert read.enqueued_at == result.enqueued_at
    assert isinstance(result.id, str)
    assert len(result.id) < 64


@pytest.mark.django_db(transaction=True)
def test_async_code_enqueues_and_reads_results():
    async def main():
        result = await tasks.add.aenqueue(1, b=2)
        read = await tasks.add.aget_result(result.id)
        # Close the connections of the thread that ran the queries.
        await sync_to_async(connections.close_all)()
        return result, read

    result, read = asyncio.run(main())

    assert read == result
    assert TaskResult.objects.get().kwargs == {"b": 2}


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["123", "", "01a20884-d2d7-725b-9065-ae2acf415cb1"])
def test_get_result_raises_an_error_if_the_result_does_not_exist(missing):
    with pytest.raises(compat.TaskResultDoesNotExist):
        tasks.add.get_result(missing)


def test_an_id_that_is_not_a_uuid_is_refused_without_a_query():
    """So a sync call in async code raises this error, and not one about async code."""

    async def main():
        with pytest.raises(compat.TaskResultDoesNotExist):
            tasks.add.get_result("123")

    asyncio.run(main())


@pytest.mark.django_db
def test_get_result_refuses_the_result_of_another_task():
    result = tasks.add.enqueue(1)

    errors = import_module(f"{compat.LOGGER_NAME}.exceptions")
    with pytest.raises(errors.TaskResultMismatch):
        tasks.send.get_result(result.id)


@pytest.mark.django_db
def test_the_return_value_of_an_unfinished_result_raises_an_error():
    result = tasks.add.enqueue(1)

    with pytest.raises(ValueError, match="not finished"):
        _ = result.return_value


def test_a_successful_run_sets_the_fields_of_its_result(transactional_db, drain):
    result = tasks.add.enqueue(1, b=2)
    drain()

    result.refresh()

    assert result.status is TaskResultStatus.SUCCESSFUL
    assert result.return_value == 3
    assert result.is_finished
    assert result.attempts == 1
    assert len(result.worker_ids) == 1
    assert result.errors == []
    assert result.enqueued_at < result.started_at <= result.finished_at
    assert result.last_attempted_at == result.started_at


def test_a_failed_run_has_an_error_with_exception_and_traceback(
    transactional_db, drain
):
    result = tasks.fail.enqueue("no such user")
    drain()

    result.refresh()

    assert result.status is TaskResultStatus.FAILED
    (error,) = result.errors
    assert error.exception_class is ValueError
    assert error.traceback.endswith("ValueError: no such user\n")
    assert error.traceback.startswith("Traceback (most recent call last):\n")
    with pytest.raises(ValueError, match="failed"):
        _ = result.return_value


def test_system_exit_is_a_failure(transactional_db, drain):
    result = tasks.leave_process.enqueue(3)
    drain()

    result.refresh()

    assert result.status is TaskResultStatus.FAILED
    assert result.errors[0].exception_class is SystemExit


def test_the_context_has_the_attempt_and_the_result(transactional_db, drain):
    result = tasks.plain_with_context.enqueue("a")
    drain()

    result.refresh()

    assert result.return_value == [1, result.id, "a"]


def test_return_values_are_normalized(transactional_db, drain):
    results = [tasks.give_odd.enqueue(kind) for kind in ("bytes", "tuple", "keys")]
    drain()

    for result in results:
        result.refresh()

    assert [result.return_value for result in results] == [
        "text",
        [1, [2]],
        {"1": "a", "null": "b"},
    ]


def test_a_run_logs_three_lines(transactional_db, drain, caplog):
    with caplog.at_level(logging.DEBUG, logger=compat.LOGGER_NAME):
        result = tasks.add.enqueue(1)
    log = drain()

    enqueued = [record.getMessage() for record in caplog.records]
    assert enqueued == [
        f"Task id={result.id} path=tests.tasks.add enqueued backend=default"
    ]
    run = [line for line in log.splitlines() if result.id in line]
    assert len(run) == 2
    assert run[0].endswith(f"Task id={result.id} path=tests.tasks.add state=RUNNING")
    assert run[1].endswith(f"Task id={result.id} path=tests.tasks.add state=SUCCESSFUL")


def test_the_log_line_of_a_failure_has_its_traceback(transactional_db, drain):
    result = tasks.fail.enqueue("no such user")

    log = drain()

    end = log[log.index(f"{result.id} path=tests.tasks.fail state=FAILED") :]
    assert "ValueError: no such user" in end


@pytest.mark.django_db
def test_the_sender_of_signals_is_the_backend_class(broker):
    seen = []

    def receive(sender, task_result, **kwargs):
        seen.append((sender, task_result))

    compat.task_enqueued.connect(receive)
    try:
        result = tasks.add.enqueue(1)
    finally:
        compat.task_enqueued.disconnect(receive)

    assert seen == [(type(compat.task_backends["default"]), result)]


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["SUCCESSFUL", "FAILED", "CANCELLED"])
def test_a_result_with_any_final_status_is_finished(status):
    result = tasks.add.enqueue(1)
    TaskResult.objects.update(status=status)

    result.refresh()

    assert result.is_finished


def test_tasks_are_validated_by_djangos_rules():
    backend = compat.task_backends["default"]

    for wrong in (
        {"priority": 101},
        {"priority": -101},
        {"priority": 3.5},
        {"priority": True},
        {"priority": "5"},
        {"queue_name": "unknown"},
    ):
        with pytest.raises(compat.InvalidTask):
            tasks.add.using(**wrong)

    with pytest.raises(compat.InvalidTask, match="module level"):
        backend.task_class(
            func=lambda: None,
            priority=0,
            backend="default",
            queue_name="default",
            run_after=None,
        )
