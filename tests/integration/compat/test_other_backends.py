"""Tasks that are created or enqueued with backends other than taskhub's."""

import asyncio
import logging
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import override_settings

from taskhub import Context, Result, operations, task
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import InvalidArguments, ResultTimeout, TaskFailed
from taskhub.models import TaskResult
from taskhub.schedules import every
from taskhub.tasks import declared, periodic
from tests import tasks
from tests.site_settings.two_backends import DUMMY, IMMEDIATE, two_backends


def triple(a):
    return a * 3


def fails():
    raise ValueError("no such user")


def report(context, a):
    """Use all methods and attributes of a context."""
    context.progress(1, 2, "half")
    assert isinstance(context, Context)
    assert isinstance(context.task_result, Result)
    assert (context.cancelled, context.tick_at) == (False, None)
    return [context.attempt, a]


def retry_later(context):
    context.retry(after=5, reason="not ready yet")


async def double(a):
    await asyncio.sleep(0)
    return a * 2


def made_elsewhere(function, **options):
    """Create a task with Django's decorator, under Django's ImmediateBackend."""
    with override_settings(TASKS={"default": {"BACKEND": IMMEDIATE, "QUEUES": []}}):
        made = tasks.django_task(**options)(function)
    assert type(made) is compat.Task
    return made


# Tasks of other backends, on taskhub.


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{}, {"priority": 7, "queue_name": "mail"}])
def test_a_task_made_under_another_backend_can_be_enqueued(config, options):
    plain = made_elsewhere(triple, **options)

    result = plain.enqueue(2)
    read = compat.task_backends["default"].get_result(result.id)

    row = result.row
    assert (row.task_path, row.args) == (f"{__name__}.triple", [2])
    assert row.priority == plain.priority
    assert row.queue_name == plain.queue_name
    assert isinstance(result, Result)
    assert result.task == plain
    assert plain == result.task
    assert hash(result.task) == hash(plain)
    assert read == result


@pytest.mark.django_db
def test_a_variant_of_a_task_of_another_backend_does_not_change_it(config):
    plain = made_elsewhere(fails)

    plain.using(priority=9).enqueue()
    plain.enqueue()

    assert [row.priority for row in TaskResult.objects.order_by("id")] == [9, 0]


@pytest.mark.django_db
def test_tasks_that_differ_are_not_equal(config):
    plain = made_elsewhere(triple)

    assert plain.using(priority=1) != plain.enqueue(2).task
    assert tasks.add.using(durable=False) != tasks.add
    assert tasks.add != "tests.tasks.add"


@pytest.mark.django_db
def test_wrong_values_for_tasks_of_other_backends_are_refused(config):
    with pytest.raises(compat.InvalidTask, match="did you mean 'mail'"):
        made_elsewhere(triple, queue_name="mial").enqueue(1)
    with pytest.raises(InvalidArguments, match="cannot be called with"):
        made_elsewhere(triple).enqueue(1, 2, 3)


@pytest.mark.django_db
def test_enqueue_of_a_backend_writes_that_backend_into_the_row(config):
    result = compat.task_backends["free"].enqueue(tasks.add, [1], {"b": 2})

    assert result.backend == result.row.backend == "free"
    assert result.task == tasks.add.using(backend="free")


@pytest.mark.django_db
def test_enqueue_again_uses_the_backend_of_the_result(config):
    row = tasks.add.using(backend="free", queue_name="anything").enqueue(1).row

    again = operations.results.enqueue_again(row, [2], {})

    assert (again.backend, again.queue_name) == ("free", "anything")


@pytest.mark.django_db
def test_enqueueing_by_hand_refuses_a_task_of_another_backend(config, settings):
    settings.TASKS = two_backends(settings.TASKS["default"])

    with pytest.raises(compat.InvalidTask, match="'default' of add does not belong"):
        operations.results.enqueue("tests.tasks.add", [1])


def test_a_schedule_of_a_task_made_under_another_backend_is_declared(monkeypatch):
    monkeypatch.setattr(declared, "_declared", {})
    plain = made_elsewhere(triple)

    assert periodic(every(hours=1), name="of another backend")(plain) is plain

    declarations = declared.declared_schedules()
    assert declarations["of another backend"].task_path == plain.module_path


@pytest.mark.any_broker
def test_a_worker_runs_tasks_made_under_another_backend(
    transactional_db, config, settings, start_node
):
    """The node creates the tasks under ImmediateBackend: they are not registered."""
    settings.TASKS = two_backends(settings.TASKS["default"])
    plain = made_elsewhere(tasks.plain.func).using(backend="hub")
    with_context = made_elsewhere(
        tasks.plain_with_context.func, takes_context=True, queue_name="mail"
    ).using(backend="hub", priority=3)
    ours = tasks.add.using(backend="hub")

    results = [plain.enqueue(1), with_context.enqueue("a"), ours.enqueue(1, b=2)]
    node = start_node(
        "--drain",
        "--backend=hub",
        "--processes=1",
        DJANGO_SETTINGS_MODULE="tests.site_settings.two_backends",
    )

    assert node.wait() == 0, node.log
    assert [result.get(timeout=0) for result in results] == [
        1,
        [1, results[1].id, "a"],
        3,
    ]
    assert results[1].row.priority == 3


# taskhub's tasks, on other backends.


@pytest.fixture
def immediate(settings):
    settings.TASKS = {"default": {"BACKEND": IMMEDIATE, "QUEUES": []}}


@pytest.fixture
def dummy(settings):
    settings.TASKS = {"default": {"BACKEND": DUMMY, "QUEUES": []}}
    compat.task_backends["default"].clear()


def test_get_returns_the_value_of_an_immediate_run(immediate):
    result = task(triple).delay(2)

    assert isinstance(result, Result)
    assert result.get(timeout=1) == 6
    assert asyncio.run(result.aget()) == 6
    assert task(double).enqueue(2).get() == 4
    assert tasks.add.apply_async([1], {"b": 2}).get() == 3


def test_get_raises_task_failed_for_a_failed_immediate_run(immediate, caplog):
    with caplog.at_level(logging.CRITICAL):
        result = task(fails).enqueue()

    assert result.failures == 1
    with pytest.raises(TaskFailed, match="ValueError: no such user") as caught:
        result.get(timeout=1)
    assert caught.value.traceback.endswith("ValueError: no such user\n")


def test_an_immediate_run_gets_a_context(immediate):
    result = task(takes_context=True)(report).enqueue("a")

    assert result.get() == [1, "a"]


def test_a_retry_makes_an_immediate_run_fail(immediate, caplog):
    with caplog.at_level(logging.CRITICAL):
        result = task(takes_context=True, max_attempts=3)(retry_later).enqueue()

    with pytest.raises(TaskFailed, match="not ready yet"):
        result.get()


def test_a_direct_call_accepts_djangos_own_context(immediate):
    made = task(takes_context=True)(report)
    result = made.enqueue("a")
    context = compat.TaskContext(task_result=result)

    assert made(context, "b") == made.call(context, "b") == [1, "b"]
    assert asyncio.run(made.acall(context, "b")) == [1, "b"]


def test_enqueue_many_works_with_immediate_backend(immediate):
    results = tasks.add.enqueue_many([(1,), [2], {"a": 3, "b": 4}])

    assert [result.get() for result in results] == [1, 2, 7]
    results = asyncio.run(tasks.add.aenqueue_many([(1, 2), {"a": 3}]))
    assert [result.get() for result in results] == [3, 3]


@pytest.mark.parametrize("backend", ["immediate", "dummy"])
def test_enqueue_many_enqueues_nothing_if_one_call_is_wrong(backend, request):
    request.getfixturevalue(backend)
    ran = []
    compat.task_enqueued.connect(receive := lambda **kwargs: ran.append(kwargs))
    try:
        with pytest.raises(InvalidArguments):
            tasks.add.enqueue_many([(1,), (1, 2, 3)])
    finally:
        compat.task_enqueued.disconnect(receive)

    assert ran == []


def test_immediate_backend_raises_djangos_errors_for_its_limits(immediate):
    with pytest.raises(compat.InvalidTask, match="does not support run_after"):
        tasks.add.using(run_after=timedelta(hours=1)).enqueue(1)
    with pytest.raises(compat.InvalidTask, match="does not support run_after"):
        tasks.add.apply_async([1], countdown=3)
    result = tasks.add.enqueue(1)
    with pytest.raises(NotImplementedError):
        tasks.add.get_result(result.id)
    with pytest.raises(compat.TaskResultDoesNotExist, match="not keep rows"):
        _ = result.row


def test_results_equal_those_that_dummy_backend_keeps(dummy):
    backend = compat.task_backends["default"]

    result = tasks.add.enqueue(1)
    later = asyncio.run(tasks.add.using(run_after=timedelta(hours=1)).aenqueue(2))

    assert isinstance(result, Result)
    assert backend.results[0] == result
    assert result == backend.results[0]
    assert result != later
    assert backend.results == [result, later]
    assert tasks.add.get_result(result.id) == result
    assert isinstance(tasks.add.get_result(result.id), Result)
    assert asyncio.run(tasks.add.aget_result(result.id)) == result
    result.refresh()
    assert [each.args for each in tasks.add.enqueue_many([(3,), {"a": 4}])] == [[3], []]


@pytest.mark.parametrize("timeout", [None, 3600])
def test_get_does_not_wait_with_dummy_backend(dummy, timeout):
    result = tasks.add.enqueue(1)

    with pytest.raises(ResultTimeout, match="DummyBackend"):
        result.get(timeout)
    with pytest.raises(ResultTimeout, match="DummyBackend"):
        asyncio.run(result.aget(timeout))


@pytest.mark.django_db(transaction=True)
def test_using_selects_one_of_several_backends(config, settings):
    """`using` selects the backend, whatever backend the task was created under."""
    settings.TASKS = two_backends(settings.TASKS["default"])

    here = tasks.add.enqueue(1, b=2)
    there = tasks.add.using(backend="hub").enqueue(1)
    back = tasks.add.using(backend="hub").using(backend="default").enqueue(4)

    async def main():
        result = await tasks.add.using(backend="hub").aenqueue(5)
        await sync_to_async(connections.close_all)()
        return result

    also = asyncio.run(main())
    assert (here.get(), back.get()) == (3, 4)
    assert there.row.backend == also.row.backend == "hub"
    assert [type(each) for each in (here, there, back, also)] == [Result] * 4


def test_the_error_for_a_missing_backend_names_it():
    with pytest.raises(compat.InvalidTaskBackend, match="'nowhere'"):
        tasks.add.using(backend="nowhere")
