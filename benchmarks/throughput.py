"""
Measure how many no-op tasks a second finish, with a durable row for each.

Private servers on this machine: PostgreSQL with fsync on, Redis without persistence.
The tasks are enqueued first; then a node starts, and the clock runs from the start of
its first task until the last outcome is committed, as another connection sees it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.servers import DurablePostgres
from tests.servers import RedisServer, interrupt_on_signals

ROOT = Path(__file__).resolve().parent.parent
_LOOK_SECONDS = 0.005


def main() -> None:
    """Measure, and print a table or JSON."""
    options = _parse_options()
    interrupt_on_signals()
    with ExitStack() as stack:
        postgres = stack.enter_context(DurablePostgres())
        redis = stack.enter_context(RedisServer())
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "DATABASE_URL": postgres.url,
            "TASKHUB_BROKER_URL": redis.url
            if options.broker == "redis"
            else "database://",
            "SECRET_KEY": "for the benchmark",
        }
        measured = _measure(options)
    if options.json:
        print(json.dumps(measured, indent=2))
    else:
        _print(measured)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--broker", choices=["redis", "database"], default="redis")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="Print JSON, not words.")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    # The first round warms up the caches of the servers and is not counted.
    rounds = [_run_once(options) for _ in range(options.rounds + 1)][1:]
    return {
        "tasks": options.tasks,
        "processes": options.processes,
        "broker": options.broker,
        "python": platform.python_version(),
        "django": django.get_version(),
        "cores": os.cpu_count(),
        "enqueued_per_second": _median(rounds, "enqueued"),
        "finished_per_second": _median(rounds, "finished"),
        "rounds": rounds,
    }


def _run_once(options: argparse.Namespace) -> dict[str, float]:
    from django.db import connection
    from django.db.models import Min

    from benchmarks.tasks import no_op
    from taskhub.models import TaskResult

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE taskhub_taskresult")
    begun = time.perf_counter()
    for first in range(0, options.tasks, 1_000):
        numbers = range(first, min(first + 1_000, options.tasks))
        no_op.enqueue_many((number,) for number in numbers)
    enqueued = options.tasks / (time.perf_counter() - begun)

    node = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "taskworker", "--drain", "-v0"),
            f"--processes={options.processes}",
        ],
        cwd=ROOT,
    )
    while TaskResult.objects.unfinished().order_by().exists():
        time.sleep(_LOOK_SECONDS)
    committed = time.time()
    node.wait()
    first_start = TaskResult.objects.aggregate(at=Min("started_at"))["at"]
    successful = TaskResult.objects.successful().count()
    assert successful == options.tasks, f"only {successful} were successful"
    finished = options.tasks / (committed - first_start.timestamp())
    return {"enqueued": enqueued, "finished": finished}


def _median(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(each[name] for each in rounds)


def _print(measured: dict[str, Any]) -> None:
    print(
        f"{measured['tasks']:,} no-op tasks, {measured['processes']} processes, "
        f"{measured['broker']} broker, rows on PostgreSQL; Python "
        f"{measured['python']}, Django {measured['django']}, {measured['cores']} cores"
    )
    for name in ("enqueued", "finished"):
        each = ", ".join(f"{entry[name]:,.0f}" for entry in measured["rounds"])
        median = measured[f"{name}_per_second"]
        print(f"{name:<9} {median:>8,.0f} a second (median of {each})")


if __name__ == "__main__":
    main()
