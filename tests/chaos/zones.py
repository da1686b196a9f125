"""
Check that tasks run when they are due on servers and hosts that are not in UTC.

    python -m tests.chaos.zones --database mariadb

Starts a private database and a real node in different time zones. Compares the start of
delayed tasks, retries and scheduled tasks with their due times.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.beats import ROOT
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import MariaServer, PostgresServer, wait_until


class KathmanduPostgres(PostgresServer):
    """A PostgreSQL with the time zone of its host, which is not UTC."""

    def command(self) -> Any:
        return [*super().command(), "-c", "timezone=Asia/Kathmandu"]


#: In all tests, MariaDB is at -05:00.
SERVERS = {"postgres": KathmanduPostgres, "mariadb": MariaServer}
#: How early a task may begin. All processes of one machine have the same clock.
EARLY_SECONDS = 0.1
#: A slow machine is not this late, and a wrong time zone is an hour late.
LATE_SECONDS = 600.0
_TASKS = 20


@scenario(
    required="no task runs early or hours late; each tick fires once",
    needs=MariaServer().find,
)
def databases_in_other_zones(stage: Stage) -> Report:
    """PostgreSQL, MariaDB and the host are in time zones other than UTC."""
    report = Report()
    running = {
        database: subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.zones", "--database", database],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for database in SERVERS
    }
    for database, process in running.items():
        stdout, stderr = process.communicate()
        lines = stdout.splitlines()
        report.expect(lines, f"{database}: {stderr.strip()[-300:]}")
        counted = json.loads(lines[-1]) if lines else {"tasks": 0, "broken": []}
        report.tasks += counted["tasks"]
        report.faults += 1
        report.broken += [f"{database}: {each}" for each in counted["broken"]]
    return report


def main() -> int:
    """Test one database, print counts as JSON, and return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgres", choices=list(SERVERS))
    options = parser.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(SERVERS[options.database]())
        os.environ |= {
            "DATABASE_URL": server.url,
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "TASKHUB_BROKER_URL": "database://",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", run_syncdb=True, verbosity=0)
        report = _play(stack)
    print(json.dumps({"tasks": report.tasks, "broken": report.broken}))
    return 1 if report.broken else 0


def _play(stack: ExitStack) -> Report:
    """Run tasks that are due in some seconds on a node, and compare the times."""
    from taskhub.models import PeriodicTask, TaskResult
    from taskhub.schedules import every, once
    from tests.chaos import tasks

    PeriodicTask.objects.all().delete()
    node = subprocess.Popen(
        [sys.executable, "manage.py", "taskworker", "--processes=1", "--beat"],
        cwd=ROOT,
        # Django sets TZ to TIME_ZONE, which is UTC here; child processes inherit it.
        env=os.environ | {"TZ": "America/New_York"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(node.wait)
    stack.callback(node.terminate)
    for number in range(_TASKS):
        delay = timedelta(seconds=1 + number / 10)
        tasks.once.using(run_after=delay).enqueue(f"delayed {number}")
        tasks.once.using(run_after=datetime.now(UTC) + delay).enqueue(f"at {number}")
        tasks.fail_at_first.enqueue(f"again {number}")
    at = datetime.now(UTC) + timedelta(seconds=4)
    make = PeriodicTask.objects.create
    path = tasks.once.module_path
    make(name="once", task_path=path, args=["once"], schedule=once(at))
    ticking = make(
        name="every", task_path=path, args=["every"], schedule=every(seconds=1)
    )
    wait_until(lambda: ticking.results.successful().count() >= 3, "three ticks", 60)
    PeriodicTask.objects.filter(pk=ticking.pk).update(enabled=False)
    rest = TaskResult.objects.unfinished()
    wait_until(lambda: not rest.exists() and time.time() > at.timestamp(), "all", 60)
    wait_until(lambda: PeriodicTask.objects.get(name="once").results.exists(), "it", 60)
    wait_until(lambda: not rest.exists(), "all results", 60)
    return _compare()


def _compare() -> Report:
    from taskhub.models import TaskResult
    from tests.models import Trace

    report = Report()
    begun: dict[str, list[datetime]] = {}
    for label, moment in Trace.objects.order_by("pk").values_list("label", "at"):
        begun.setdefault(label, []).append(moment)
    for row in TaskResult.objects.all():
        report.tasks += 1
        label = row.args[0]
        report.expect(row.status == "SUCCESSFUL", f"{label} is {row.status}")
        if row.tick_at is not None:
            # Several ticks share a label, and each row has the times of its own run.
            seconds = (row.last_attempted_at - row.tick_at).total_seconds()
        else:
            seconds = (begun[label][-1] - row.due_at).total_seconds()
        in_time = -EARLY_SECONDS <= seconds <= LATE_SECONDS
        report.expect(in_time, f"{label} began {seconds:.1f} s after it was due")
        runs = 2 if label.startswith("again") else 1
        if row.tick_at is None:
            report.expect(len(begun[label]) == runs, f"{label} ran {begun[label]}")
    ticks = [row.tick_at for row in TaskResult.objects.exclude(tick_at=None)]
    report.expect(len(ticks) == len(set(ticks)) >= 4, f"the ticks were {ticks}")
    return report


if __name__ == "__main__":
    sys.exit(main())
