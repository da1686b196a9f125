"""What a database refuses because of one row is no outage for the others."""

import subprocess
import sys
import uuid

import pytest
from django.conf import settings
from django.db import connection

from taskhub.models import TaskResult
from tests import tasks
from tests.nodes import Node, environment
from tests.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _mariadb():
    if connection.vendor != "mysql":
        pytest.skip("others take all text, and packets of any size")


def ask(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture
def latin_site(configure):
    """A site whose database knows latin1 only, beside the test's own."""
    config = configure(broker_url="database://")
    name = f"latin_{uuid.uuid4().hex[:8]}"
    ask(f"CREATE DATABASE {name} CHARACTER SET latin1")
    here = environment(config)
    here["DATABASE_URL"] = here["DATABASE_URL"].replace(
        connection.settings_dict["NAME"], name
    )
    yield Site(config, name, here)
    ask(f"DROP DATABASE {name}")


class Site:
    def __init__(self, config, name, variables):
        self.config, self.name, self.variables = config, name, variables

    def manage(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self.variables,
            check=True,
            capture_output=True,
        )

    def runs_of(self, name: str) -> int:
        ((count,),) = ask(
            f"SELECT count(*) FROM {self.name}.taskhub_taskresult r JOIN "  # noqa: S608
            f"{self.name}.taskhub_periodictask p ON p.id = r.periodic_task_id "
            f"WHERE p.name = '{name}'"
        )
        return count

    def reason_of(self, name: str) -> str:
        ((reason,),) = ask(
            f"SELECT disabled_reason FROM {self.name}.taskhub_periodictask "  # noqa: S608
            f"WHERE name = '{name}'"
        )
        return reason


_MAKE_SCHEDULES = """
from datetime import timedelta
from django.db import connection
from django.utils import timezone
from taskhub.models import PeriodicTask
make = PeriodicTask.objects.create
small = dict(task_path="tests.tasks.add", args=[1], schedule="every 1 second")
make(name="small", **small)
make(name="poison", **small | {"kwargs": {"\\N{ELEPHANT}": 1}})
refused = make(name="refused", **small)
big = make(name="big", **small | {
    "args": ["x" * 100_000], "schedule": "cron * * * * *", "missed_runs": "all"
})
past = timezone.now() - timedelta(hours=4)
PeriodicTask.objects.filter(pk=big.pk).update(next_run_at=past)
with connection.cursor() as cursor:
    cursor.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON taskhub_taskresult FOR EACH ROW "
        f"IF NEW.periodic_task_id = {refused.pk} THEN "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Not this one'; END IF"
    )
"""


def test_what_is_refused_of_one_row_stops_no_other(latin_site, tmp_path):
    latin_site.manage("migrate", "--verbosity=0")
    latin_site.manage("shell", "--verbosity=0", "--command", _MAKE_SCHEDULES)
    beat = Node(
        latin_site.config, tmp_path / "beat.log", command="taskbeat",
        **latin_site.variables,
    )  # fmt: skip
    try:
        wait_until(lambda: latin_site.runs_of("small") >= 2, "a run of its neighbour")
        # More than one packet of the server holds.
        wait_until(lambda: latin_site.runs_of("big") >= 200, "all runs of the large")
        wait_until(lambda: latin_site.reason_of("poison"), "the poison to be disabled")
        wait_until(lambda: latin_site.reason_of("refused"), "a reason")
    finally:
        beat.end()

    assert "\\U0001f418" in latin_site.reason_of("poison")
    assert "Not this one" in latin_site.reason_of("refused")
    assert latin_site.reason_of("big") == latin_site.reason_of("small") == ""
    assert "Cannot look at schedules" not in beat.log


def test_many_large_arguments_are_enqueued_at_once(configure):
    configure(broker_url="database://")
    ((packet,),) = ask("SELECT @@max_allowed_packet")

    tasks.give_back.enqueue_many([("x" * 100_000,)] * (packet // 100_000 + 1))

    assert TaskResult.objects.count() > packet // 100_000
