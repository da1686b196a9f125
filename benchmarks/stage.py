"""The stage of the measures: private servers, real nodes and their use of resources."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from benchmarks.servers import DurablePostgres
from tests.servers import RedisServer, wait_until

ROOT = Path(__file__).resolve().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
#: How long a measure may wait for a node.
_PATIENCE_SECONDS = 600.0


class Stage:
    """A clean site on a PostgreSQL with fsync and a Redis without persistence."""

    def __init__(self, *, rounds: int, full: bool) -> None:
        self.rounds = rounds
        self.full = full
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        postgres = self._stack.enter_context(DurablePostgres())
        self.redis = self._stack.enter_context(RedisServer())
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "DATABASE_URL": postgres.url,
            "TASKHUB_BROKER_URL": self.redis.url,
            "SECRET_KEY": "for the benchmark",
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        return self

    def __exit__(self, *reason: object) -> None:
        from django.db import connections

        connections.close_all()
        self._stack.close()

    def pick(self, full: int, quick: int) -> int:
        """Return the full size, or with --quick the one that only tests the measure."""
        return full if self.full else quick

    def clear(self) -> None:
        """Empty the tables and Redis."""
        from django.db import connection

        self.client().flushall()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE taskhub_taskresult, taskhub_taskmetrics")

    def client(self) -> Any:
        """Return a client of the stage's Redis."""
        import redis

        return redis.Redis.from_url(self.redis.url)

    @contextmanager
    def node(self, *arguments: str, queues: str = "default") -> Iterator["RunningNode"]:
        """Start a node, and stop it at the end."""
        node = RunningNode(f"--queues={queues}", *arguments)
        try:
            yield node
        finally:
            node.stop()


class RunningNode:
    """A running `manage.py taskworker`."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", "taskworker", "-v0", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT)

    def stop(self) -> None:
        """Stop the node gracefully."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def pids(self) -> list[int]:
        """Return the pids of the supervisor, its steward and its worker processes."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, path.read_text().split())]

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that all processes of the node have used so far."""
        return sum(map(_cpu_seconds, self.pids()))

    def pss_mib(self) -> float:
        """Return the proportional memory (PSS) of all processes of the node."""
        return sum(map(_pss_kib, self.pids())) / 1024

    def largest_mib(self) -> float:
        """Return the resident memory of the node's largest process."""
        return max(map(_resident_kib, self.pids())) / 1024


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _pss_kib(pid: int) -> int:
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _resident_kib(pid: int) -> int:
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS:")


def _kib(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(f"{path} has no {name}")


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, with a long timeout."""
    wait_until(condition, what, _PATIENCE_SECONDS)


def repeat(stage: Stage, measure_once: Callable[[], float]) -> list[float]:
    """Measure once a round, after one round that warms up caches."""
    measure_once()
    return [measure_once() for _ in range(stage.rounds)]


def per_second(count: int, work: Callable[[], object]) -> float:
    """Return how many things a second some work does, if it does `count` in all."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)
