"""`taskhub.at()` and `taskhub.tick()`: schedules in tests."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from taskhub.models import Overlap, PeriodicTask, Status, TaskResult
from taskhub.schedules import cron
from tests import inline_tasks, tasks
from tests.factories import PeriodicTaskFactory

pytestmark = [pytest.mark.any_broker, pytest.mark.any_database]

BERLIN = "Europe/Berlin"


def test_a_schedule_fires_at_its_time(taskhub):
    PeriodicTaskFactory(schedule=cron("0 3 * * *", tz=BERLIN))

    with taskhub.at("2098-06-01 02:59", tz=BERLIN):
        assert not taskhub.tick()
    with taskhub.at("2098-06-01 03:00", tz=BERLIN):
        (result,) = taskhub.tick()
        assert not taskhub.tick()
        ran = taskhub.run()

    assert result.tick_at == datetime(2098, 6, 1, 1, tzinfo=UTC)
    assert result.enqueued_at == result.tick_at
    assert ran.of(tasks.add).return_values == [3]


def test_a_run_knows_its_tick(taskhub):
    path = inline_tasks.tell_tick.module_path
    PeriodicTaskFactory(schedule=cron("0 3 * * *"), task_path=path, args=[])

    with taskhub.at("2098-06-01T03:00Z"):
        taskhub.tick()
        ran = taskhub.run(inline_tasks.tell_tick)

    assert ran.return_values == ["2098-06-01T03:00:00+00:00"]


def test_a_run_expires_from_its_tick_on(taskhub):
    PeriodicTaskFactory(schedule=cron("0 3 * * *"), expires_after=timedelta(minutes=5))

    with taskhub.at("2098-06-01T03:00Z"):
        taskhub.tick()
        assert taskhub.run().successful == 1


@pytest.mark.parametrize(("overlap", "fired"), [(Overlap.SKIP, 0), (Overlap.ALLOW, 1)])
def test_overlapping_runs_are_treated_as_the_schedule_says(taskhub, overlap, fired):
    PeriodicTaskFactory(schedule=cron("0 * * * *"), overlap=overlap)
    with taskhub.at("2098-06-01T03:00Z"):
        assert len(taskhub.tick()) == 1

    with taskhub.at("2098-06-01T04:00Z"):
        assert len(taskhub.tick()) == fired

    assert PeriodicTask.objects.get().skipped_run_count == 1 - fired


@pytest.mark.parametrize(
    ("missed_runs", "fired"), [("skip", 0), ("latest", 1), ("all", 3)]
)
def test_runs_that_were_missed_are_treated_as_the_schedule_says(
    taskhub, missed_runs, fired
):
    PeriodicTaskFactory(
        schedule=cron("0 * * * *"), missed_runs=missed_runs, overlap="allow"
    )
    with taskhub.at("2098-06-01T03:00Z"):
        assert len(taskhub.tick()) == 1

    with taskhub.at("2098-06-01T06:30Z"):
        assert len(taskhub.tick()) == fired


def test_a_schedule_fires_at_a_time_in_the_past(taskhub):
    PeriodicTaskFactory(schedule=cron("0 3 * * *"))

    with taskhub.at("2020-06-01T03:00Z"):
        assert len(taskhub.tick()) == 1
        assert taskhub.run().successful == 1


def test_a_disabled_schedule_does_not_fire(taskhub):
    PeriodicTaskFactory(schedule=cron("0 3 * * *"), disabled=True)

    with taskhub.at("2098-06-01T03:00Z"):
        assert taskhub.tick() == []


def test_a_schedule_that_cannot_be_fired_is_disabled(taskhub, caplog):
    PeriodicTaskFactory(schedule=cron("0 3 * * *"), kwargs=[1])

    with taskhub.at("2098-06-01T03:00Z"):
        assert taskhub.tick() == []

    assert not PeriodicTask.objects.get().enabled
    assert "Keyword arguments must be an object" in caplog.text


def test_without_a_set_time_ticks_are_by_the_clock(taskhub):
    row = PeriodicTaskFactory()
    PeriodicTask.objects.filter(pk=row.pk).update(created_at=row.created_at)
    assert taskhub.tick() == []

    due = timezone.now() - timedelta(seconds=1)
    PeriodicTask.objects.update(next_run_at=due, look_at=due)

    assert len(taskhub.tick()) == 1


def test_what_is_due_later_runs_when_it_is_due(taskhub):
    tasks.add.using(run_after=timedelta(hours=1)).enqueue(1)
    now = datetime.now(UTC)

    assert not taskhub.run()
    with taskhub.at(now + timedelta(minutes=59)):
        assert not taskhub.run()
    with taskhub.at(now + timedelta(minutes=61)):
        assert taskhub.run()


def test_what_is_enqueued_at_a_set_time_is_due_from_then_on(taskhub):
    with taskhub.at("2098-06-01T03:00Z"):
        tasks.add.using(run_after=timedelta(hours=1)).enqueue(1)
        assert not taskhub.run()

    row = TaskResult.objects.get()
    assert row.enqueued_at == datetime(2098, 6, 1, 3, tzinfo=UTC)
    assert row.run_after == datetime(2098, 6, 1, 4, tzinfo=UTC)
    with taskhub.at("2098-06-01T04:00Z"):
        assert taskhub.run()
    assert TaskResult.objects.get().status == Status.SUCCESSFUL


@pytest.mark.parametrize(
    ("moment", "tz", "expected"),
    [
        ("2027-06-01 12:00", BERLIN, datetime(2027, 6, 1, 10, tzinfo=UTC)),
        ("2027-06-01T12:00+05:00", None, datetime(2027, 6, 1, 7, tzinfo=UTC)),
        # The clocks skip this time.
        ("2027-03-28 02:30", BERLIN, datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        (datetime(2027, 6, 1, tzinfo=UTC), None, datetime(2027, 6, 1, tzinfo=UTC)),
    ],
)
def test_moments_are_read(taskhub, moment, tz, expected):
    with taskhub.at(moment, tz=tz):
        tasks.add.enqueue(1)

    assert TaskResult.objects.get().enqueued_at == expected


def test_a_moment_without_a_zone_is_in_the_current_one(taskhub):
    with timezone.override(BERLIN), taskhub.at("2027-06-01 12:00"):
        tasks.add.enqueue(1)

    assert TaskResult.objects.get().enqueued_at.hour == 10


@pytest.mark.parametrize(
    ("moment", "tz", "message"),
    [
        ("noon", None, "'noon' is not a time"),
        ("2027-06-01 12:00", "Europe/Berlim", "'Europe/Berlim' is not a time zone"),
        ("2027-06-01T12:00Z", BERLIN, "has an offset"),
    ],
)
def test_wrong_moments_are_refused(taskhub, moment, tz, message):
    with pytest.raises(ValueError, match=message), taskhub.at(moment, tz=tz):
        pass
