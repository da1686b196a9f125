"""Solar schedules on a host without the library astral."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub.beat.ticker import Ticker
from taskhub.models import PeriodicTask, TaskResult
from taskhub.schedules import every
from tests.factories import PeriodicTaskFactory
from tests.integration.admin.schedules.pages import ADD, LIST, change, written
from tests.nodes import Node
from tests.servers import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.any_broker]

INSTALL = 'pip install "django-taskhub[solar]"'
SUNSET = "solar sunset 52.52 13.405"
BLOCKER = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "astral":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocker())
"""
#: A script for a process that cannot import astral.
SCRIPT = """
from datetime import UTC, datetime

from taskhub.exceptions import SolarNotInstalled
from taskhub.schedules import every, parse, read, solar

stored = read("solar sunset 52.52 13.405")
for call in (
    lambda: solar("sunset", latitude=52.52, longitude=13.405),
    lambda: parse("solar sunset 52.52 13.405"),
    lambda: stored.next_after(datetime.now(UTC)),
):
    try:
        call()
    except SolarNotInstalled as error:
        print(error)
print(stored.text, parse("every 5 minutes") == every(minutes=5))
"""


@pytest.fixture
def blocked(tmp_path) -> str:
    """A folder that stops a process with it in PYTHONPATH from importing astral."""
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    return str(tmp_path)


@pytest.fixture
def uninstall(monkeypatch) -> Callable[[], None]:
    """A function that stops this process from importing astral."""

    def uninstall() -> None:
        for name in ("astral", "astral.sun"):
            monkeypatch.setitem(sys.modules, name, None)

    return uninstall


def test_reading_or_making_a_solar_schedule_names_the_extra(blocked):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": f"{blocked}:.", "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    lines = done.stdout.splitlines()
    assert lines[:-1] == [f"Solar schedules need the library astral: {INSTALL}."] * 3
    assert lines[-1] == f"{SUNSET} True"


@pytest.mark.django_db(transaction=True)
def test_a_beat_without_astral_postpones_the_row_and_logs_why(
    config, blocked, tmp_path
):
    due = timezone.now().replace(microsecond=0) - timedelta(minutes=1)
    row = PeriodicTaskFactory(solar=True, planned=due)
    neighbour = PeriodicTaskFactory(schedule=every(seconds=1), planned=due)
    beat = Node(config, tmp_path / "log", command="taskbeat", PYTHONPATH=blocked)
    fired = TaskResult.objects.filter(periodic_task=neighbour)
    try:
        wait_until(lambda: fired.count() > 2, "its neighbour's ticks")
    finally:
        beat.end()

    row.refresh_from_db()
    assert (row.enabled, row.disabled_reason) == (True, "")
    assert (row.schedule.text, row.next_run_at) == (SUNSET, due)
    assert INSTALL in row.postponed_because
    assert beat.log.count(INSTALL) == 1

    # A beat that has the library fires it.
    run_beat()

    assert TaskResult.objects.get(periodic_task=row).tick_at == due


def test_a_beat_with_astral_plans_a_row_without_a_plan(uninstall, monkeypatch):
    row = PeriodicTaskFactory(solar=True)
    PeriodicTask.objects.update(planned_schedule="", next_run_at=None)
    uninstall()

    run_beat()

    row.refresh_from_db()
    assert (row.enabled, row.next_run_at) == (True, None)
    assert INSTALL in row.postponed_because
    monkeypatch.undo()

    run_beat()

    row.refresh_from_db()
    assert row.next_run_at > timezone.now()


def run_beat() -> None:
    ticker = Ticker()
    while ticker.run_once() == 0:
        pass


def test_the_admin_shows_and_keeps_an_unreadable_solar_schedule(
    admin_client, uninstall
):
    PeriodicTaskFactory(solar=True)
    uninstall()
    row = PeriodicTask.objects.get()

    page = admin_client.get(change(row)).content.decode()

    assert "Its schedule cannot be read." in page
    assert "django-taskhub[solar]" in page
    assert f"Unreadable: {SUNSET}" in admin_client.get(LIST).content.decode()
    row.description = "Lamps"
    row.save()
    assert PeriodicTask.objects.get().schedule.text == SUNSET


def test_the_form_names_the_extra_to_install(admin_client, uninstall):
    uninstall()
    values = {"kind": "solar", "event": "sunset", "latitude": "52", "longitude": "13"}

    page = admin_client.post(ADD, written(**values)).content.decode()

    assert "django-taskhub[solar]" in page
    assert not PeriodicTask.objects.exists()
