"""A row that the database refuses does not stop the beat for other rows."""

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
        pytest.skip("other databases accept these values")


def run_sql(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture
def latin_site(configure):
    """A second site, whose database stores only the characters of latin1."""
    config = configure(broker_url="database://")
    name = f"latin_{uuid.uuid4().hex[:8]}"
    run_sql(f"CREATE DATABASE {name} CHARACTER SET latin1")
    here = environment(config)
    here["DATABASE_URL"] = here["DATABASE_URL"].replace(
        connection.settings_dict["NAME"], name
    )
    yield Site(config, name, here)
    run_sql(f"DROP DATABASE {name}")


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
        ((count,),) = run_sql(
            f"SELECT count(*) FROM {self.name}.taskhub_taskresult r JOIN "  # noqa: S608
            f"{self.name}.taskhub_periodictask p ON p.id = r.periodic_task_id "
            f"WHERE p.name = '{name}'"
        )
        return count

    def reason_of(self, name: str) -> str:
        ((reason,),) = run_sql(
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


def test_a_refused_row_does_not_stop_other_rows(latin_site, tmp_path):
    latin_site.manage("migrate", "--verbosity=0")
    latin_site.manage("shell", "--verbosity=0", "--command", _MAKE_SCHEDULES)
    beat = Node(
        latin_site.config, tmp_path / "beat.log", command="taskbeat",
        **latin_site.variables,
    )  # fmt: skip
    try:
        wait_until(lambda: latin_site.runs_of("small") >= 2, "a run of its neighbour")
        # Together, these runs are larger than one packet of the server.
        wait_until(lambda: latin_site.runs_of("big") >= 200, "all runs of the large")
        wait_until(lambda: latin_site.reason_of("poison"), "the poison to be disabled")
        wait_until(lambda: latin_site.reason_of("refused"), "a reason")
    finally:
        beat.end()

    assert "\\U0001f418" in latin_site.reason_of("poison")
    assert "Not this one" in latin_site.reason_of("refused")
    assert latin_site.reason_of("big") == latin_site.reason_of("small") == ""
    assert "Cannot look at schedules" not in beat.log


def test_enqueue_many_takes_more_arguments_than_one_packet_holds(configure):
    configure(broker_url="database://")
    ((packet,),) = run_sql("SELECT @@max_allowed_packet")

    tasks.give_back.enqueue_many([("x" * 100_000,)] * (packet // 100_000 + 1))

    assert TaskResult.objects.count() > packet // 100_000
