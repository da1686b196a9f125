"""Saving instances after another process has written to their rows."""

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub.beat.ticker import Ticker
from taskhub.models import PeriodicTask, Status, TaskResult
from taskhub.schedules import every
from tests.factories import PeriodicTaskFactory, TaskResultFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on_the_rows(configure):
    configure(broker_url="database://")


def due_row(**fields: object) -> PeriodicTask:
    due = timezone.now().replace(microsecond=0) - timedelta(seconds=1)
    return PeriodicTask.objects.get(pk=PeriodicTaskFactory(planned=due, **fields).pk)


def reread(row):
    return type(row).objects.get(pk=row.pk)


def test_save_does_not_undo_writes_of_the_beat():
    stale = due_row(max_runs=1)
    Ticker().run_once()

    stale.description = "New"
    stale.save()
    Ticker().run_once()

    row = reread(stale)
    assert (row.description, row.enabled, row.total_run_count) == ("New", False, 1)
    assert "its maximum" in row.disabled_reason
    assert row.last_result
    assert TaskResult.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_asave_does_not_undo_writes_of_the_beat():
    stale = due_row()
    Ticker().run_once()
    fired = reread(stale)

    stale.description = "New"
    asyncio.run(stale.asave())

    row = reread(stale)
    assert (row.description, row.next_run_at) == ("New", fired.next_run_at)


def test_fields_that_were_changed_on_the_instance_are_saved():
    row = due_row(schedule=every(hours=1))
    Ticker().run_once()

    row.enabled = False
    row.save()
    assert not reread(row).enabled
    row.enabled = True
    row.total_run_count = 7
    row.save()

    saved = reread(row)
    assert (saved.enabled, saved.total_run_count) == (True, 7)
    assert saved.next_run_at > timezone.now()


def test_saving_a_changed_schedule_on_a_stale_instance_plans_it():
    stale = due_row(schedule=every(hours=1))
    Ticker().run_once()

    stale.schedule = every(weeks=5)
    stale.save()

    row = reread(stale)
    assert (row.schedule, row.total_run_count) == (every(weeks=5), 1)
    assert row.next_run_at > timezone.now() + timedelta(hours=2)
    assert not row.is_plan_stale


def test_saving_a_stale_instance_does_not_enable_its_row():
    stale = due_row(max_runs=1, schedule=every(hours=1))
    Ticker().run_once()

    stale.schedule = every(weeks=5)
    stale.save()
    Ticker().run_once()

    row = reread(stale)
    assert (row.schedule, row.enabled, row.next_run_at) == (every(weeks=5), False, None)


def test_a_refreshed_instance_saves_no_unchanged_fields():
    row = due_row()
    Ticker().run_once()
    row.refresh_from_db()
    PeriodicTask.objects.filter(pk=row.pk).update(total_run_count=9)

    row.save()

    assert reread(row).total_run_count == 9


def test_a_copy_is_saved_with_all_fields():
    row = due_row(total_run_count=3)
    original = row.pk

    row.pk, row.name = None, "copy"
    row.save()

    assert row.pk != original
    assert reread(row).total_run_count == 3


def test_an_instance_with_deferred_fields_saves_only_loaded_fields():
    row = due_row(description="Old")
    partly = PeriodicTask.objects.only("name").get(pk=row.pk)
    Ticker().run_once()

    partly.name = "renamed"
    partly.save()

    saved = reread(row)
    assert (saved.name, saved.total_run_count) == ("renamed", 1)


def test_saving_a_result_does_not_undo_writes_of_a_worker():
    stale = TaskResult.objects.get(pk=TaskResultFactory(place="ready").pk)
    TaskResult.objects.filter(pk=stale.pk).update(
        status=Status.SUCCESSFUL, attempts=1, return_value=3, place=""
    )

    stale.meta["seen"] = True
    stale.save()

    row = reread(stale)
    assert (row.status, row.attempts, row.return_value) == (Status.SUCCESSFUL, 1, 3)
    assert row.meta == {"seen": True}


def test_fields_that_were_changed_in_place_are_saved():
    row = reread(TaskResultFactory(failed=True, return_value={"pages": [1]}))

    row.errors[0]["message"] = "hidden"
    row.return_value["pages"].append(2)
    row.save()

    row = reread(row)
    assert row.errors[0]["message"] == "hidden"
    assert row.return_value == {"pages": [1, 2]}
