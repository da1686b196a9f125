"""Schedules that are dumped from one site and loaded into another."""

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from taskhub.beat.ticker import Ticker
from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import Unreadable, cron, every
from tests.factories import PeriodicTaskFactory, TaskResultFactory
from tests.integration.beat.test_isolation import write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on_the_rows(configure):
    configure(broker_url="database://")


@pytest.fixture
def dump(tmp_path):
    """A function that dumps and deletes schedules and results; returns the file."""

    def dump(*models: str):
        path = tmp_path / "dump.json"
        natural = ("--natural-primary", "--natural-foreign")
        labels = models or ("taskhub.periodictask", "taskhub.taskresult")
        call_command("dumpdata", *natural, *labels, output=path)
        TaskResult.objects.all().delete()
        PeriodicTask.objects.all().delete()
        return path

    return dump


def load(path) -> None:
    call_command("loaddata", path, verbosity=0)


def test_loaddata_finds_rows_by_their_names(dump):
    row = PeriodicTaskFactory(name="Nightly", nightly=True, total_run_count=3)
    TaskResultFactory(periodic_task=row, successful=True)
    path = dump()
    # The site that loads the dump has migrated: its declared row has another key.
    other = PeriodicTaskFactory()
    there = PeriodicTaskFactory(name="Nightly", from_code=True)

    load(path)

    row = PeriodicTask.objects.get(name="Nightly")
    assert (row.pk, row.schedule.kind, row.total_run_count) == (there.pk, "cron", 3)
    assert row.results.count() == 1
    assert PeriodicTask.objects.filter(pk=other.pk).exists()


def test_a_loaded_schedule_does_not_fire_ticks_of_the_past(dump):
    last_week = timezone.now() - timedelta(days=7)
    PeriodicTaskFactory(planned=last_week, missed_runs="all")
    path = dump()

    load(path)
    ticker = Ticker()
    while ticker.run_once() == 0:
        pass

    assert not TaskResult.objects.exists()
    assert PeriodicTask.objects.get().next_run_at > timezone.now()
    (entry,) = json.loads(path.read_text())
    assert not entry["fields"].keys() & {"next_run_at", "planned_schedule", "look_at"}


def test_an_unreadable_schedule_does_not_stop_loaddata(dump):
    write(PeriodicTaskFactory(name="odd"), schedule="every now and then")
    PeriodicTaskFactory(name="fine")
    path = dump()

    load(path)

    odd = PeriodicTask.objects.get(name="odd")
    assert isinstance(odd.schedule, Unreadable)
    assert odd.schedule.text == "every now and then"
    assert PeriodicTask.objects.get(name="fine").schedule.text == "every 1 hour"
    odd.schedule = "every now and then"
    with pytest.raises(ValidationError, match="cannot be read"):
        odd.full_clean()


def test_full_clean_validates_a_schedule_object():
    row = PeriodicTaskFactory.build(schedule=every(hours=1))

    row.full_clean()

    row.schedule = cron(",".join(map(str, range(60))) + " " + "0," * 50 + "0 * * *")
    with pytest.raises(ValidationError, match="at most 255 characters"):
        row.full_clean()
