"""Time zones whose rules change after planning, and zones that a host lacks."""

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

#: Three and four hours behind UTC: the old and the new rules of a city.
EARLIER, LATER = "Etc/GMT+3", "Etc/GMT+4"


@pytest.fixture(autouse=True)
def _on_the_rows(configure):
    configure(broker_url="database://")


@pytest.fixture
def tzdata(tmp_path) -> Iterator[Callable[[str], Path]]:
    """A function that gives the zone Test/City the rules of another zone."""
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
    """Return cron fields for the wall time of a moment under the given rules."""
    local = moment.astimezone(ZoneInfo(rules))
    return f"{local.minute} {local.hour} * * *"


def soon(**span: float) -> datetime:
    return timezone.now().replace(second=0, microsecond=0) + timedelta(**span)


def run_rounds(times: int = 3) -> None:
    ticker = Ticker()
    for _ in range(times):
        ticker.run_once()


def reread(row: PeriodicTask) -> PeriodicTask:
    return PeriodicTask.objects.get(pk=row.pk)


def test_a_tick_that_new_rules_move_later_does_not_fire_early(tzdata):
    tzdata(EARLIER)
    due = soon(minutes=10)
    row = PeriodicTaskFactory(schedule=cron(wall(due, EARLIER), tz="Test/City"))
    assert row.next_run_at == due

    tzdata(LATER)
    run_rounds()

    assert reread(row).next_run_at == due + timedelta(hours=1)
    assert not TaskResult.objects.exists()


def test_a_tick_that_is_due_only_by_old_rules_does_not_fire(tzdata):
    tzdata(EARLIER)
    due = soon(minutes=10)
    row = PeriodicTaskFactory(schedule=cron(wall(due, EARLIER), tz="Test/City"))
    ticker = Ticker()
    ticker.run_once()
    ticker.run_once()
    tzdata(LATER)
    # The same state as 20 minutes later.
    shift(row, timedelta(minutes=-20))

    ticker.run_once()

    assert not TaskResult.objects.exists()
    assert reread(row).next_run_at > timezone.now()


def shift(row: PeriodicTask, by: timedelta) -> None:
    """Move a row's plan and wall time, as if it had been planned at another time."""
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


def test_a_tick_that_new_rules_move_earlier_fires_once(tzdata):
    tzdata(LATER)
    due = soon(minutes=50)
    row = PeriodicTaskFactory(schedule=cron(wall(due, LATER), tz="Test/City"))
    assert row.next_run_at == due

    tzdata(EARLIER)
    run_rounds()

    assert TaskResult.objects.get().tick_at == due - timedelta(hours=1)
    assert reread(row).next_run_at == due + timedelta(hours=23)


@pytest.mark.parametrize(("old", "new"), [(EARLIER, LATER), (LATER, EARLIER)])
def test_a_tick_fired_by_old_rules_does_not_fire_again_that_day(tzdata, old, new):
    tzdata(old)
    fired = soon(minutes=-1)
    row = PeriodicTaskFactory(schedule=cron(wall(fired, old), tz="Test/City"))
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=fired)
    run_rounds()
    assert TaskResult.objects.get().tick_at == fired

    tzdata(new)
    run_rounds()

    shift = timedelta(hours=1 if new == LATER else -1)
    assert TaskResult.objects.count() == 1
    assert reread(row).next_run_at == fired + timedelta(days=1) + shift


def test_new_rules_do_not_move_a_cron_with_a_star_for_hours(tzdata):
    tzdata(EARLIER)
    row = PeriodicTaskFactory(schedule=cron("*/15 * * * *", tz="Test/City"))
    planned = row.next_run_at

    tzdata(LATER)
    run_rounds()

    assert reread(row).next_run_at == planned


def test_new_rules_do_not_move_a_next_run_that_was_set_by_hand(tzdata):
    tzdata(EARLIER)
    row = PeriodicTaskFactory(schedule=cron("0 3 * * *", tz="Test/City"))
    wanted = soon(hours=5)
    PeriodicTask.objects.filter(pk=row.pk).update(next_run_at=wanted)

    tzdata(LATER)
    run_rounds()

    assert reread(row).next_run_at == wanted


def test_new_rules_do_not_bring_back_a_skipped_run(tzdata):
    tzdata(EARLIER)
    due = soon(minutes=10)
    row = PeriodicTaskFactory(schedule=cron(wall(due, EARLIER), tz="Test/City"))
    operations.schedules.skip_next(row)

    tzdata(LATER)
    run_rounds()

    assert reread(row).next_run_at == due + timedelta(days=1, hours=1)


def test_unchanged_rules_change_no_plan(tzdata):
    tzdata(EARLIER)
    for _ in range(3):
        PeriodicTaskFactory(schedule=cron("0 3 * * *", tz="Test/City"))
    plans = list(PeriodicTask.objects.order_by("pk").values())

    run_rounds()

    assert list(PeriodicTask.objects.order_by("pk").values()) == plans


@pytest.mark.django_db(transaction=True)
def test_a_beat_with_new_rules_plans_its_schedules_again(tzdata, config, tmp_path):
    tzdata(EARLIER)
    due = soon(minutes=10)
    row = PeriodicTaskFactory(schedule=cron(wall(due, EARLIER), tz="Test/City"))
    path = ":".join([str(tzdata(LATER)), *zoneinfo.TZPATH])
    beat = Node(config, tmp_path / "log", command="taskbeat", PYTHONTZPATH=path)
    try:
        # The beat logs after the commit.
        changed = "rules of its time zone have changed"
        wait_until(lambda: changed in beat.log, "a new plan")
    finally:
        beat.end()

    assert reread(row).next_run_at == due + timedelta(hours=1)


# Unknown zones.


def test_an_unknown_zone_disables_no_row(tzdata, caplog):
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

    # A beat on a host that knows the zone fires it at once.
    tzdata(EARLIER)
    run_rounds()

    assert TaskResult.objects.get().tick_at == due
    assert reread(new).next_run_at > timezone.now()
    assert reread(planned).postponed_because == ""


def forget_city() -> None:
    zoneinfo.reset_tzpath([path for path in zoneinfo.TZPATH if "GMT" not in path])
    ZoneInfo.clear_cache()
