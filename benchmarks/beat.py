"""
Measure how late a beat fires with many schedules, and how much CPU it uses.

Starts a private PostgreSQL with fsync on, and one real `taskbeat` with the database
broker; no workers. Intervals are spread over 10 to 60 seconds. Lateness is measured
from the due time to the time in the result's row. CPU is the CPU time of the beat after
its start, as the kernel counts it.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.servers import DurablePostgres

ROOT = Path(__file__).resolve().parent.parent
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, and print a line or JSON for each number of schedules."""
    options = _parse_options()
    with DurablePostgres() as postgres:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "DATABASE_URL": postgres.url,
            "TASKHUB_BROKER_URL": "database://",
            "SECRET_KEY": "for the benchmark",
        }
        _set_up()
        measured = [_measure(count, options) for count in options.schedules]
    if options.json:
        print(json.dumps(measured, indent=2))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    for each in measured:
        print(_in_words(each))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--schedules", type=int, nargs="+", default=[100, 10_000], metavar="N"
    )
    parser.add_argument("--seconds", type=float, default=85.0)
    parser.add_argument(
        "--idle", action="store_true", help="None of the schedules is due for a year."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON, not words.")
    return parser.parse_args()


def _set_up() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _measure(count: int, options: argparse.Namespace) -> dict[str, Any]:
    from taskhub.models import PeriodicTask, TaskResult

    TaskResult.objects.all().delete()
    PeriodicTask.objects.all().delete()
    _make_schedules(count, idle=options.idle)
    begun = time.time()
    beat = subprocess.Popen([sys.executable, "manage.py", "taskbeat", "-v0"], cwd=ROOT)
    first = _wait_for_first(begun, options)
    cpu, since = _cpu_seconds(beat.pid), time.monotonic()
    time.sleep(options.seconds)
    cpu, passed = _cpu_seconds(beat.pid) - cpu, time.monotonic() - since
    beat.terminate()
    beat.wait()
    late = _lateness(since=datetime.fromtimestamp(begun, UTC))
    return {
        "schedules": count,
        "idle": options.idle,
        "seconds": passed,
        "first_after_seconds": first,
        "cpu_seconds_a_minute": 60 * cpu / passed,
        "percent_of_a_core": 100 * cpu / passed,
        "fired": len(late),
        "late_p50_ms": _percentile(late, 50),
        "late_p99_ms": _percentile(late, 99),
    }


def _make_schedules(count: int, *, idle: bool) -> None:
    from django.utils import timezone

    from taskhub.models import PeriodicTask
    from taskhub.schedules import every

    generator = random.Random(1)  # noqa: S311  repeatable on purpose
    rows = []
    for number in range(count):
        period = {"weeks": 60} if idle else {"seconds": generator.randint(10, 60)}
        # The phases are spread, as those of schedules that users create.
        age = timedelta(seconds=generator.uniform(0, 60))
        row = PeriodicTask(
            name=f"schedule {number}",
            task_path="benchmarks.tasks.no_op",
            args=[number],
            schedule=every(**period),
            created_at=timezone.now() - age,
        )
        row.plan(timezone.now())
        rows.append(row)
    PeriodicTask.objects.bulk_create(rows, batch_size=1_000)


def _wait_for_first(begun: float, options: argparse.Namespace) -> float | None:
    """Wait until the beat has fired a tick; return the seconds since its start."""
    from taskhub.models import TaskResult

    if options.idle:
        time.sleep(3)
        return None
    while not TaskResult.objects.exists():
        time.sleep(0.01)
    first: float = TaskResult.objects.earliest("id").enqueued_at.timestamp()
    return first - begun


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def _lateness(since: datetime) -> list[float]:
    from taskhub.models import TaskResult

    # Ticks that were due before the beat started do not count as late.
    results = TaskResult.objects.filter(tick_at__gte=since)
    times = results.values_list("tick_at", "enqueued_at")
    return [(enqueued - tick).total_seconds() * 1000 for tick, enqueued in times]


def _percentile(values: list[float], percent: int) -> float | None:
    if len(values) < 2:
        return None
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _in_words(measured: dict[str, Any]) -> str:
    cost = (
        f"{measured['schedules']:>7,} schedules: "
        f"{measured['cpu_seconds_a_minute']:.2f} s of CPU a minute "
        f"({measured['percent_of_a_core']:.1f} % of a core)"
    )
    if measured["idle"]:
        return f"{cost}; none was due"
    return (
        f"{cost}; {measured['fired']:,} fired, late by "
        f"{measured['late_p50_ms']:.1f} ms at the median, "
        f"{measured['late_p99_ms']:.0f} ms at p99; the first "
        f"{measured['first_after_seconds']:.1f} s after the start"
    )


if __name__ == "__main__":
    main()
