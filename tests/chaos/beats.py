"""
Kill beats while several of them run, and check that every tick fires exactly once.

    python -m tests.chaos.beats --database postgres --beats 5 --ticks 2000

Starts a private database and real `taskbeat` processes. Every few seconds, kills one of
them with `kill -9` and starts another. Counts the results of every tick.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import MariaServer, PostgresServer

ROOT = Path(__file__).resolve().parents[2]
SERVERS = {"postgres": PostgresServer, "mariadb": MariaServer}


@dataclass(frozen=True)
class Report:
    """The counts of one run."""

    ticks: int
    results: int
    missing: int
    repeated: int
    kills: int

    @property
    def is_exact(self) -> bool:
        """Whether every tick has exactly one result."""
        return self.ticks > 0 and self.missing == self.repeated == 0


class Beats:
    """Real beats, which can be killed and replaced."""

    def __init__(self, count: int, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self._beats = [self._start() for _ in range(count)]
        self.kills = 0

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "manage.py", "taskbeat", "--verbosity=0"], cwd=ROOT
        )

    def kill_one(self) -> None:
        """Kill one beat with `kill -9`, and start another in its place."""
        victim = self._random.randrange(len(self._beats))
        self._beats[victim].kill()
        self._beats[victim].wait()
        self._beats[victim] = self._start()
        self.kills += 1

    def stop(self) -> None:
        """Stop all beats, as a service manager would."""
        for beat in self._beats:
            beat.send_signal(signal.SIGTERM)
        for beat in self._beats:
            beat.wait(30)


def main() -> int:
    """Run beats, print the counts, and return 1 if a tick was lost or repeated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgres", choices=[*SERVERS, "sqlite"])
    parser.add_argument("--beats", type=int, default=5)
    parser.add_argument("--schedules", type=int, default=20)
    parser.add_argument("--ticks", type=int, default=2_000)
    parser.add_argument("--kill-every", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as stack:
        _prepare(stack, options.database)
        report = run(options)
    print(
        f"{options.database}, {options.beats} beats, seed {options.seed}: "
        f"{report.ticks:,} ticks, {report.kills} kills; {report.results:,} results, "
        f"{report.missing} missing, {report.repeated} repeated"
    )
    return 0 if report.is_exact else 1


def _prepare(stack: ExitStack, database: str) -> None:
    """Point Django to a private database, and migrate it."""
    if database in SERVERS:
        url = stack.enter_context(SERVERS[database]()).url
    else:
        path = ROOT / "var" / "chaos.sqlite3"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        url = f"sqlite:///{path}"
    os.environ |= {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TASKHUB_BROKER_URL": "database://",
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def run(options: Any) -> Report:
    """Kill beats while schedules fire, and count the results."""
    from taskhub.models import MissedRuns, PeriodicTask, TaskResult
    from taskhub.schedules import every

    PeriodicTask.objects.all().delete()
    for number in range(options.schedules):
        PeriodicTask.objects.create(
            name=f"tick {number}",
            task_path="tests.tasks.add",
            args=[number],
            schedule=every(seconds=1),
            missed_runs=MissedRuns.ALL,
        )
    beats = Beats(options.beats, options.seed)
    try:
        kill_at = time.monotonic() + options.kill_every
        while TaskResult.objects.count() < options.ticks:
            time.sleep(0.1)
            if time.monotonic() > kill_at:
                beats.kill_one()
                kill_at += options.kill_every
    finally:
        beats.stop()
    return _count(beats.kills)


def _count(kills: int) -> Report:
    from taskhub.models import PeriodicTask, TaskResult

    ticks = missing = repeated = 0
    for row in PeriodicTask.objects.all():
        results = TaskResult.objects.filter(periodic_task=row).order_by("tick_at")
        fired = list(results.values_list("tick_at", flat=True))
        first = row.rule.next_after(row.created_at)
        expected = [first, *row.rule.between(first, fired[-1])]
        ticks += len(expected)
        missing += len(set(expected) - set(fired))
        repeated += len(fired) - len(set(fired))
    return Report(ticks, TaskResult.objects.count(), missing, repeated, kills)


if __name__ == "__main__":
    sys.exit(main())
