"""Time zones whose rules change while a plan is stored, or that a host has not."""

import zoneinfo
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from taskhub import operations
from taskhub.beat.ticker import Ticker
from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import cron
from tests.factories import PeriodicTaskFactory
from tests.nodes import Node
from tests.servers import wait_until

pytestmark = pytest.mark.django_db

#: Three and four hours behind UTC: what a city has before and after a change.
EARLIER, LATER = "Etc/GMT+3", "Etc/GMT+4"


@pytest.fixture(autouse=True)
def _on_the_rows(configure):
    configure(broker_url="database://")


@pytest.fixture
def tzdata(tmp_path) -> Iterator[Callable[[str], Path]]:
    """A function that gives the zone Test/City the rules of another one."""
    before = zoneinfo.TZPATH

    def use(rules: str) -> Path:
        folder = tmp_path / rules.replace("/", "-")
        if not folder.exists():
            (folder / "Test").mkdir(parents=True)
            compiled = files("tzdata").joinpath("zoneinfo", *rules.split("/"))
            with compiled.open("rb") as source:
                (folder / "Test/City").write_bytes(source.read())
        zoneinfo.reset_tzpath([str(folder), *before])
        ZoneInfo.clear_cache()
        return folder

    yield use
    zoneinfo.reset_tzpath(before)
    ZoneInfo.clear_cache()


def wall(moment: datetime, rules: str) -> str:
    """The fields of cron for a moment's wall time by some rules."""
    local = moment.astimezone(ZoneInfo(rules))
    return f"{local.minute} {local.hour} * * *"


def soon(**span: float) -> datetime:
    return timezone.now().replace(second=0, microsecond=0) + timedelta(**span)


def look(times: int = 3) -> None:
    ticker = Ticker()
    for _ in range(times):
        ticker.run_once()


def reread(row: PeriodicTask) -> PeriodicTask:
    return PeriodicTask.objects.get(pk=row.pk)


def test_a_tick_that_comes_later_by_new_rules_is_not_fired_early(tzdata):
    tzdata(EARLIER)
    due = soon(minutes=10)
    row = PeriodicTaskFactory(schedule=cron(wall(due, EARLIER), tz="Test/City"))
    assert row.next_run_at == due

    tzdata(LATER)
    look()

    assert reread(row).next_run_at == due + timedelta(hours=1)
    assert not TaskResult.objects.exists()


def test_a_tick_that_is_due_by_old_rules_only_is_not_fired(tzdata):
    tzdata(EARLIER)
    due = soon(minutes=10)
    row = PeriodicTaskFactory(schedule=cron(wall(due, EARLIER), tz="Test/City"))
    ticker = Ticker()
    ticker.run_once()
    ticker.run_once()
    tzdata(LATER)
    # As if it were 20 minutes later.
    shift(row, timedelta(minutes=-20))

    ticker.run_once()

    assert not TaskResult.objects.exists()
    assert reread(row).next_run_at > timezone.now()


def shift(row: PeriodicTask, by: timedelta) -> None:
    """Move a row's plan and its wall time, as if the time were another."""
    planned = row.next_run_at + by
    schedule = cron(wall(planned, EARLIER), tz="Test/City")
    after = (planned - timedelta(days=1)).astimezone(ZoneInfo(EARLIER))
    tick = planned.astimezone(ZoneInfo(EARLIER))
    PeriodicTask.objects.filter(pk=row.pk).update(
        schedule=schedule,
        planned_schedule=schedule.text,
        next_run_at=planned,
        planned_between=f"{after.isoformat()}/{tick.isoformat()}",
    )


def test_a_tick_that_comes_earlier_by_new_rules_fires_once(tzdata):
    tzdata(LATER)
    due = soon(minutes=50)
    row = PeriodicTaskFactory(schedule=cron(wall(due, LATER), tz="Test/City"))
    assert row.next_run_at == due

    tzdata(EARLIER)
    look()

    assert TaskResult.objects.get().tick_at == due - timedelta(hours=1)
    assert reread(row).next_run_at == due + timedelta(hours=23)


@pytest.mark.parametrize(("old", "new"), [(EARLIER, LATER), (LATER, EARLIER)])
def test_what_was_fired_by_old_rules_does_not_come_again_on_that_day(tzdata, old, new):
    tzdata(old)
    fired = soon(minutes=-1)
    row = PeriodicTaskFactory(schedule=cron(wall(fired, old), tz="Test/City"))
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=fired)
    look()
    assert TaskResult.objects.get().tick_at == fired

    tzdata(new)
    look()

    shift = timedelta(hours=1 if new == LATER else -1)
    assert TaskResult.objects.count() == 1
    assert reread(row).next_run_at == fired + timedelta(days=1) + shift


def test_minutes_with_a_star_go_on_with_the_time_that_passes(tzdata):
    tzdata(EARLIER)
    row = PeriodicTaskFactory(schedule=cron("*/15 * * * *", tz="Test/City"))
    planned = row.next_run_at

    tzdata(LATER)
    look()

    assert reread(row).next_run_at == planned


def test_a_next_run_that_somebody_has_set_is_honoured(tzdata):
    tzdata(EARLIER)
    row = PeriodicTaskFactory(schedule=cron("0 3 * * *", tz="Test/City"))
    wanted = soon(hours=5)
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=wanted)

    tzdata(LATER)
    look()

    assert reread(row).next_run_at == wanted


def test_a_skipped_run_is_not_made_up_for_by_new_rules(tzdata):
    tzdata(EARLIER)
    due = soon(minutes=10)
    row = PeriodicTaskFactory(schedule=cron(wall(due, EARLIER), tz="Test/City"))
    operations.schedules.skip_next(row)

    tzdata(LATER)
    look()

    assert reread(row).next_run_at == due + timedelta(days=1, hours=1)


def test_rules_that_stay_cost_no_plan(tzdata):
    tzdata(EARLIER)
    for _ in range(3):
        PeriodicTaskFactory(schedule=cron("0 3 * * *", tz="Test/City"))
    plans = list(PeriodicTask.objects.order_by("pk").values())

    look()

    assert list(PeriodicTask.objects.order_by("pk").values()) == plans


@pytest.mark.django_db(transaction=True)
def test_a_beat_with_new_rules_plans_anew(tzdata, config, tmp_path):
    tzdata(EARLIER)
    due = soon(minutes=10)
    row = PeriodicTaskFactory(schedule=cron(wall(due, EARLIER), tz="Test/City"))
    path = ":".join([str(tzdata(LATER)), *zoneinfo.TZPATH])
    beat = Node(config, tmp_path / "log", command="taskbeat", PYTHONTZPATH=path)
    try:
        wait_until(lambda: reread(row).next_run_at != due, "a new plan")
    finally:
        beat.end()

    assert reread(row).next_run_at == due + timedelta(hours=1)
    assert "rules of its time zone have changed" in beat.log


# Zones that this host does not know.


def test_a_zone_that_this_host_does_not_know_disables_nothing(tzdata, caplog):
    tzdata(EARLIER)
    due = soon(minutes=-1)
    here = cron(wall(due, EARLIER), tz="Test/City")
    planned = PeriodicTaskFactory(schedule=here, planned=due)
    new, neighbour = PeriodicTaskFactory(schedule=here), PeriodicTaskFactory()
    PeriodicTask.objects.exclude(pk=planned.pk).update(planned_schedule="")
    forget_city()
    ticker = Ticker()

    while ticker.run_once() == 0:
        pass

    assert reread(neighbour).next_run_at > timezone.now()
    for row in (planned, new):
        row = reread(row)
        assert (row.enabled, row.disabled_reason) == (True, "")
    row = reread(planned)
    assert row.next_run_at == due
    assert "There is no time zone 'Test/City'" in row.postponed_because
    assert len([line for line in caplog.messages if "Test/City" in line]) == 1

    # A beat on another host knows it, and a while does not have to pass.
    tzdata(EARLIER)
    look()

    assert TaskResult.objects.get().tick_at == due
    assert reread(new).next_run_at > timezone.now()
    assert reread(planned).postponed_because == ""


def forget_city() -> None:
    zoneinfo.reset_tzpath([path for path in zoneinfo.TZPATH if "GMT" not in path])
    ZoneInfo.clear_cache()
