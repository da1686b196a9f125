"""Calls of Celery tasks: their options, and what the results tell."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import timezone

from taskhub.exceptions import ResultNotKept, TaskFailed, UnknownTask
from taskhub.interop.celery import group, signature, uuid
from taskhub.interop.celery.exceptions import TaskRevokedError, TimeoutError
from taskhub.interop.celery.result import AsyncResult, GroupResult, ResultSet
from taskhub.interop.celery.signals import after_task_publish, before_task_publish
from taskhub.models import TaskResult
from tests import celery_tasks as tasks
from tests import tasks as hub_tasks
from tests.servers import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_broker,
    pytest.mark.any_database,
]


@pytest.fixture(autouse=True)
def _broker(config):
    """Enqueue with each of the chosen brokers in turn."""


def test_options_of_a_call_are_written_into_the_row(settings):
    settings.TASKHUB_CELERY_PRIORITY = "redis"

    row = tasks.add.apply_async(
        (1,), {"b": 2}, queue="mail", priority=3, countdown=60, headers={"a": 1}
    ).row

    assert (row.args, row.kwargs) == ([1], {"b": 2})
    assert (row.queue_name, row.priority) == ("mail", -3)
    assert row.meta == {"headers": {"a": 1}}
    assert timedelta(0) < row.run_after - timezone.now() <= timedelta(minutes=1)
    assert tasks.add.apply_async((1,), routing_key="mail").queue == "mail"


def test_a_naive_eta_is_in_celerys_zone(settings):
    settings.CELERY_TIMEZONE = "Asia/Tokyo"
    eta = datetime(2100, 1, 1, 12)  # noqa: DTZ001

    row = tasks.add.apply_async((1,), eta=eta).row

    assert row.run_after == eta.replace(tzinfo=ZoneInfo("Asia/Tokyo"))


def test_an_id_can_be_chosen(drain):
    chosen = uuid()
    result = tasks.add.apply_async((1,), {"b": 1}, task_id=chosen)

    drain()

    assert result.id == result.task_id == chosen == str(TaskResult.objects.get().pk)
    assert AsyncResult(chosen).get() == 2
    assert tasks.add.AsyncResult(chosen).state == "SUCCESS"
    assert tasks.app.AsyncResult(chosen) == result


@pytest.mark.parametrize("own", [None, {"own": 1}])
def test_receivers_before_publishing_can_add_headers(drain, own):
    told = []

    def stamp(sender, headers, body, routing_key, **kwargs):
        told.append((sender, headers["id"], body[0], routing_key))
        headers["trace"] = "t1"

    def note(sender, headers, **kwargs):
        told.append(headers["id"])

    before_task_publish.connect(stamp, sender=tasks.tell_request.name)
    after_task_publish.connect(note)
    try:
        result = tasks.tell_request.apply_async(("x",), headers=own)
    finally:
        before_task_publish.disconnect(stamp, sender=tasks.tell_request.name)
        after_task_publish.disconnect(note)

    drain()
    assert result.get()["headers"] == (own or {}) | {"trace": "t1"}
    name = tasks.tell_request.name
    assert told == [(name, result.id, ["x"], "default"), result.id]


def test_celerys_types_of_arguments_arrive(drain):
    key, price = UUID(int=7), Decimal("1.10")
    result = tasks.tell_types.delay(key, prices=[price], at=timezone.now())

    drain()

    assert result.get() == ["UUID", "Decimal", "datetime"]
    assert result.args == [key]


def test_tasks_can_be_sent_by_name(drain):
    by_name = tasks.app.send_task("tests.multiply", (3, 4), countdown=0)
    of_taskhub = tasks.app.send_task("tests.tasks.add", kwargs={"a": 1, "b": 2})
    partial = signature("tests.multiply", (5,)).delay(6)
    with pytest.raises(UnknownTask, match=r"'tests\.multiply'"):
        tasks.app.send_task("tests.multiplay")

    drain()

    assert [by_name.get(), of_taskhub.get(), partial.get()] == [12, 3, 30]
    assert of_taskhub.name == hub_tasks.add.module_path


def test_headers_are_added_to_the_meta_of_a_task():
    result = tasks.app.send_task("tests.tasks.with_notes", headers={"a": 1})

    assert result.row.meta == {"team": "billing", "headers": {"a": 1}}


def test_a_group_is_enqueued_in_one_transaction(drain):
    with pytest.raises(TypeError):
        group(tasks.add.s(1), tasks.add.s())()
    assert not TaskResult.objects.exists()

    result = group(tasks.add.s(b=1), tasks.multiply.s(b=2)).apply_async((3,))
    assert (result.ready(), result.waiting(), len(result)) == (False, True, 2)
    drain()

    assert result.join(timeout=5) == result.get() == [4, 6]
    assert (result.ready(), result.successful(), result.failed()) == (True, True, False)
    assert result.completed_count() == 2
    assert [each.get() for each in result] == [4, 6]


def test_a_rollback_takes_calls_back():
    with transaction.atomic():
        tasks.add.delay_on_commit(1)
        tasks.add.apply_async_on_commit((1,))
        transaction.set_rollback(True)

    assert not TaskResult.objects.exists()


def test_a_result_without_a_row_is_pending():
    unknown = AsyncResult(uuid())

    assert (unknown.state, unknown.ready(), unknown.result) == ("PENDING", False, None)
    assert AsyncResult("no uuid").state == "PENDING"
    with pytest.raises(ResultNotKept, match="has no row"):
        unknown.get()
    with pytest.raises(ValueError, match="not None"):
        AsyncResult(None)


def test_waiting_has_a_limit():
    waiting = tasks.add.delay(1)

    with pytest.raises(TimeoutError):
        waiting.get(timeout=0.01)
    with pytest.raises(TimeoutError):
        GroupResult("1", [waiting]).get(timeout=0.01)


def test_a_failed_result_tells_its_error(drain):
    failed = tasks.fail.delay("no")
    odd = tasks.fail_oddly.delay()

    drain()

    assert isinstance(failed.result, ValueError)
    assert "ValueError: no" in failed.traceback
    assert repr(failed.get(propagate=False)) == "ValueError('no')"
    assert failed.date_done == failed.row.finished_at
    with pytest.raises(TaskFailed, match="OddError: 1 and 2"):
        odd.get()


def test_a_revoked_result_raises():
    result = tasks.add.delay(1)
    result.revoke()

    assert (result.state, result.ready(), result.failed()) == ("REVOKED", True, False)
    with pytest.raises(TaskRevokedError):
        result.get()


@pytest.mark.parametrize(
    "ids_of",
    [
        lambda result: result.id,
        lambda result: result,
        lambda result: (each for each in [result.id]),
        lambda result: TaskResult.objects.values_list("pk", flat=True),
    ],
    ids=["id", "result", "generator", "queryset"],
)
def test_ids_of_any_kind_can_be_revoked(ids_of):
    result = tasks.add.apply_async((1,), countdown=60)

    tasks.app.control.revoke(ids_of(result))

    assert result.state == "REVOKED"


def test_a_set_of_results_calls_back(drain):
    results = ResultSet([tasks.add.delay(1)])
    results.add(second := tasks.add.delay(2))
    results.add(second)
    told = []
    drain()

    assert results.join(callback=lambda result_id, value: told.append(value)) == []
    assert told == [1, 2]
    assert results.get() == [1, 2]
    second.maybe_throw(callback=lambda result_id, value: told.append(result_id))
    assert told[2] == second.id


def test_groups_can_be_revoked_and_forgotten(drain):
    result = group(tasks.add.s(1), tasks.add.s(2)).apply_async(countdown=60)
    result.revoke()
    done = tasks.add.delay(1)
    drain()

    assert [each.state for each in result] == ["REVOKED", "REVOKED"]
    result.forget()
    done.forget()
    assert not TaskResult.objects.exists()


def test_waiting_in_a_task_is_refused(drain):
    result = tasks.wait_for_itself.delay()

    drain()

    with pytest.raises(RuntimeError, match=r"Never call result.get\(\) within a task"):
        result.get()


def test_a_task_may_wait_if_it_says_so(drain):
    done = tasks.add.delay(1, 2)
    drain()
    result = tasks.wait_for.delay(done.id)

    drain()

    assert result.get() == 3


def test_the_result_counts_retries(start_node):
    result = tasks.retry_by_itself.delay("os")

    start_node("--processes=1")
    wait_until(result.ready, "the last attempt")

    assert result.retries == 2
    assert result.worker


def test_querysets_take_celery_tasks():
    tasks.add.delay(1)
    tasks.multiply.delay(1, 2)

    assert TaskResult.objects.for_task(tasks.multiply).get().args == [1, 2]
