"""Celery tasks without a worker: the kit, immediate runs, and Django's backends."""

from datetime import UTC, datetime, timedelta

import pytest

from taskhub import periodic
from taskhub.compat import django_tasks as compat
from taskhub.exceptions import TaskFailed
from taskhub.operations.schedules import synchronise
from taskhub.schedules import cron
from taskhub.tasks import declared as declarations
from taskhub.testing import TaskHub
from tests import celery_tasks as tasks
from tests.models import Trace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def test_the_kit_runs_celery_tasks_with_their_retries():
    hub = TaskHub()
    added, retried = tasks.add.delay(1, 2), tasks.retry_by_itself.delay("os")
    hub.assert_enqueued(tasks.add, 1, 2)

    ran = hub.run(raises=False)

    assert ran.pauses == [timedelta(0)] * 2
    assert (added.get(), retried.state, retried.retries) == (3, "FAILURE", 2)


def test_a_celery_task_fires_by_a_schedule_of_taskhub(monkeypatch):
    monkeypatch.setattr(declarations, "_declared", {})
    declare = periodic(cron("0 3 * * *"), args=[1, 2], jitter=timedelta(hours=1))
    assert declare(tasks.add) is tasks.add
    synchronise()
    hub = TaskHub()

    with hub.at("2027-03-28 03:00Z"):
        (row,) = hub.tick()

    assert timedelta(0) <= row.run_after - row.tick_at <= timedelta(hours=1)
    with hub.at("2027-03-28 04:00Z"):
        assert hub.run().of(tasks.add).return_values == [3]


def test_celery_tasks_run_immediately(configure, django_capture_on_commit_callbacks):
    configure(run="immediately", broker_url="database://")

    with django_capture_on_commit_callbacks(execute=True):
        result = tasks.retry_with_more.delay([5])

    assert result.get() == [[50, 0, 10], "Decimal"]


def test_celery_tasks_run_on_the_backends_of_django(settings):
    package = compat.BaseTaskBackend.__module__.rpartition(".")[0]
    settings.TASKS = {"default": {"BACKEND": f"{package}.immediate.ImmediateBackend"}}

    added, failed = tasks.add.delay(1, 2), tasks.fail.delay("no")

    assert (added.state, added.get(), added.name) == ("SUCCESS", 3, tasks.add.name)
    assert failed.state == "FAILURE"
    assert "ValueError: no" in failed.traceback
    with pytest.raises(TaskFailed):
        failed.get()
    settings.TASKS = {"default": {"BACKEND": f"{package}.dummy.DummyBackend"}}
    assert tasks.add.delay(1, 2).state == "PENDING"


def test_an_async_task_retries_by_itself():
    result = tasks.retry_by_itself_async.delay()

    ran = TaskHub().run(raises=False)

    assert ran.pauses == [timedelta(0)] * 2
    assert (result.state, result.retries) == ("FAILURE", 2)


def test_the_clock_of_the_kit_is_that_of_calls_and_retries():
    hub = TaskHub()
    midnight = datetime(2099, 1, 1, tzinfo=UTC)
    with hub.at(midnight):
        later = tasks.add.apply_async((1,), countdown=60, expires=90).row
        tasks.retry_at.delay(midnight + timedelta(hours=1))
        ran = hub.run(raises=False)

    assert later.run_after == midnight + timedelta(minutes=1)
    assert later.expires_at == midnight + timedelta(seconds=90)
    assert ran.pauses == [timedelta(hours=1)]


def test_the_headers_of_a_call_are_attributes_of_the_request():
    result = tasks.tell_header.apply_async(("tenant",), headers={"tenant": 7})
    without = tasks.tell_header.delay("tenant")

    TaskHub().run(raises=False)

    assert result.get() == [7, 7]
    assert "no attribute or header 'tenant'" in without.traceback


def test_a_retry_without_a_pause_says_so():
    result = tasks.retry_without_pause.delay()

    TaskHub().run(raises=False)

    assert result.row.errors[0]["message"] == "Retry: KeyError('soon')"


def test_an_error_has_the_class_of_a_model_that_is_loaded():
    result = tasks.find_nothing.delay()

    TaskHub().run(raises=False)

    with pytest.raises(Trace.DoesNotExist):
        result.get()
