"""
The stage: private servers, real nodes, and a way to count what they did.

Servers are started once; each scenario begins with empty ones. What nodes do is counted
from outside: executions by the traces that tasks leave in a table of their own, and
outcomes by a trigger that notes each time a finished row is written.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import redis

from tests.chaos.report import Report
from tests.servers import PostgresServer, RedisServer, wait_until

LEASE_SECONDS = 5.0
#: Far more than anything takes; what is not over by then never will be.
PATIENCE_SECONDS = 120.0


class StubbornRedis(RedisServer):
    """A Redis that can be told to sleep, and whose death nobody waits for."""

    stop_signal = signal.SIGKILL

    def command(self) -> Sequence[str]:
        return [*super().command(), "--enable-debug-command", "local"]

    def start(self) -> None:
        super().start()
        wait_until(lambda: _answers(self.client().ping), "Redis")

    def client(self) -> redis.Redis:
        """Return a client that waits for as long as it takes."""
        return redis.Redis(port=self.port, socket_timeout=60)


class Postgres(PostgresServer):
    """A PostgreSQL that is killed and started anew."""

    #: More settings of the server's.
    options: Sequence[str] = ()

    def command(self) -> Sequence[str]:
        return [*super().command(), *self.options]

    def is_ready(self) -> bool:
        return _answers(self.ask)

    def ask(self, statement: str = "SELECT 1") -> list[tuple[Any, ...]]:
        """Run a statement on a connection of its own, and return its rows."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as link:
            cursor = link.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start; again, while what was killed still has its memory."""
        for _ in range(50):
            try:
                super().start()
            except RuntimeError:
                time.sleep(0.2)
            else:
                return
        super().start()


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception:
        return False
    return True


class Stage:
    """What scenarios play on."""

    def __init__(self, *, seed: int, full: bool, minutes: float) -> None:
        self.full = full
        #: For how long a soak goes on.
        self.minutes = minutes
        self._seed = seed
        self.random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self.redis = StubbornRedis()
        self.postgres = Postgres()
        self._servers = ExitStack()
        self._scene = ExitStack()
        self._nodes: list[Any] = []

    def __enter__(self) -> "Stage":
        self._servers.enter_context(self.redis)
        self._servers.enter_context(self.postgres)
        os.environ |= {
            "DATABASE_URL": self.postgres.url,
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "TASKHUB_BROKER_URL": self.redis.url,
            "TASKHUB_LEASE_SECONDS": str(LEASE_SECONDS),
            "VAR_DIR": str(self.redis.directory),
        }
        import django

        os.environ["CHAOS_IS_QUIET"] = "true"
        django.setup()
        del os.environ["CHAOS_IS_QUIET"]
        from django.core.management import call_command

        call_command("migrate", run_syncdb=True, verbosity=0)
        self.postgres.ask(_TRIGGER)
        return self

    def __exit__(self, *reason: object) -> None:
        self.clear()
        self._servers.close()

    @property
    def directory(self) -> Path:
        """Where scratch files go."""
        return self.redis.directory

    def pick(self, full: int, small: int) -> int:
        """Return a number by the scale."""
        return full if self.full else small

    # Scenes.

    @contextmanager
    def scene(self) -> Iterator[None]:
        """Begin with empty servers and the same random numbers; end all nodes."""
        self.random.seed(self._seed)
        self.wipe()
        names = [row[0] for row in self.postgres.ask(_TABLES)]
        self.postgres.ask(f"TRUNCATE {', '.join(names)}")
        self.reconnect()
        try:
            yield
        finally:
            self.clear()

    def clear(self) -> None:
        """End what the scene has started."""
        self._scene.close()
        nodes, self._nodes = self._nodes, []
        for node in nodes:
            with suppress(OSError):
                node.signal_all(signal.SIGCONT)
            node.end()

    def use(self, server: Any) -> Any:
        """Start a server for this scene."""
        return self._scene.enter_context(server)

    def finally_do(self, work: Callable[[], object]) -> None:
        """Have something done when the scene ends, however it does."""
        self._scene.callback(work)

    def configure(self, **options: object) -> None:
        """Give the default backend other options for this scene: here, and in nodes."""
        from django.conf import settings
        from django.test.utils import override_settings

        default = settings.TASKS["default"]
        changed = {**default, "OPTIONS": {**default["OPTIONS"], **options}}
        override = override_settings(TASKS={**settings.TASKS, "default": changed})
        self._scene.enter_context(override)

    @property
    def config(self) -> Any:
        """The default backend's."""
        from taskhub import compat

        return compat.task_backends["default"].config

    @property
    def broker(self) -> Any:
        """The default backend's."""
        from taskhub.brokers import get_broker

        return get_broker(self.config)

    # Nodes.

    def start_node(self, *arguments: str, **variables: str) -> Any:
        """Start one, to be ended with the scene."""
        from tests.nodes import Node

        node = Node(
            self.config,
            self.directory / f"node-{time.monotonic_ns()}.log",
            *arguments,
            **{"DJANGO_SETTINGS_MODULE": "tests.chaos.settings", **variables},
        )
        self._nodes.append(node)
        return node

    def keep_nodes(self, count: int, *arguments: str, **variables: str) -> "Keeper":
        """Start some, and a service manager that starts the dead ones anew."""
        start = lambda: self.start_node(*arguments, **variables)  # noqa: E731
        keeper = Keeper([start() for _ in range(count)], start)
        self.finally_do(keeper.stop)
        keeper.start()
        self.wait_for_work()
        return keeper

    def wait_for_work(self, count: int = 1) -> None:
        """Wait until so many nodes have told of themselves, and tasks are run."""
        from taskhub.models import Node
        from tests.chaos import tasks

        result = tasks.echo.enqueue("warm up")
        wait_until(
            lambda: result.row.is_finished and Node.objects.count() >= count,
            "the nodes to work",
            PATIENCE_SECONDS,
        )
        result.row.delete()

    def logs(self) -> str:
        """What all nodes of this scene have printed."""
        return "".join(node.log for node in self._nodes)

    # Faults.

    def wipe(self) -> None:
        """Empty Redis."""
        self.redis.client().flushall()

    def restart_redis(self, *, after: float = 0.0) -> None:
        """Kill Redis, which keeps nothing, and start it anew some time later."""
        self.redis.stop()
        time.sleep(after)
        self.redis.start()

    def stop_postgres(self) -> None:
        """Stop PostgreSQL at once, as a crash would."""
        self.postgres.stop(signal.SIGQUIT)
        self.reconnect()

    def start_postgres(self) -> None:
        """Start it again, and wait until it answers."""
        self.postgres.start()
        self.reconnect()

    def reconnect(self) -> None:
        """Give up this process's connections."""
        from django.db import connections

        for connection in connections.all(initialized_only=True):
            with suppress(Exception):
                connection.close()
            connection.connection = None

    def in_flight(self, pids: Sequence[int]) -> int:
        """Count what these processes have begun and not finished."""
        return int(self.postgres.ask(_IN_FLIGHT.format(list(pids)))[0][0])

    def kill(self, pids: Sequence[int]) -> int:
        """
        Kill processes with -9; return how much they had under way.

        They are stopped first, and given a moment, so that what they have sent to the
        database is there to be counted.
        """
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        before, under_way = -1, 0
        while under_way != before:
            time.sleep(0.1)
            before, under_way = under_way, self.in_flight(pids)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return under_way

    # Counting.

    def wait_for_all(
        self, seconds: float = PATIENCE_SECONDS, *, but: Iterable[str] = ()
    ) -> bool:
        """Wait until no row is unfinished; return whether that came."""
        from taskhub.models import TaskResult

        unfinished = TaskResult.objects.unfinished().exclude(id__in=list(but))
        with suppress(TimeoutError):
            wait_until(lambda: not unfinished.exists(), "all results", seconds)
            return True
        return False

    def count(self, report: Report) -> None:
        """Count tasks, and what became of them, into a report."""
        rows = self.postgres.ask(_OUTCOMES)
        report.tasks += len(rows)
        report.lost += sum(1 for _label, right, _runs, _ends in rows if not right)
        report.extra += sum(max(0, runs - 1) for _label, _right, runs, _ends in rows)
        report.double += sum(max(0, ends - 1) for _label, _right, _runs, ends in rows)

    def burnt(self) -> int:
        """Count the attempts that failed."""
        return int(self.postgres.ask(_BURNT)[0][0])

    def begun_again(self) -> int:
        """Count the attempts beyond the first of each result."""
        return int(self.postgres.ask(_BEGUN_AGAIN)[0][0])

    def runs_after_end(self) -> int:
        """Count the executions that began when their result was there already."""
        return int(self.postgres.ask(_AFTER_END)[0][0])

    def runs(self, label: str) -> int:
        """Count how often a task was begun."""
        from tests.models import Trace

        return Trace.objects.filter(label=label).count()

    def seconds_until(self, condition: Callable[[], object], what: str) -> float:
        """Wait, and return how long it took."""
        begun = time.monotonic()
        wait_until(condition, what, PATIENCE_SECONDS)
        return time.monotonic() - begun

    def gate(self, name: str = "gate") -> Path:
        """Return the path of a file that is not there yet, and goes with the scene."""
        path = self.directory / name
        path.unlink(missing_ok=True)
        self.finally_do(lambda: path.unlink(missing_ok=True))
        return path


class Keeper:
    """A service manager: starts a node anew when it has ended."""

    def __init__(self, nodes: list[Any], start: Callable[[], Any]) -> None:
        self.nodes = nodes
        self._start = start
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="keeper", daemon=True)
        self.restarts = 0

    def start(self) -> None:
        """Start to look."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            for number, node in enumerate(self.nodes):
                if node.process.poll() is not None:
                    self.nodes[number] = self._start()
                    self.restarts += 1

    def stop(self) -> None:
        """Start no more; may be called again."""
        self._stopping.set()
        self._thread.join()


def pids_of(node: Any) -> list[int]:
    """Return the processes of a node, its supervisor first; none if it has ended."""
    try:
        return [node.process.pid, *node.children()]
    except OSError:
        return []


def run_command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` as another process of the site would."""
    import sys

    from django.conf import settings

    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )


_TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public'
    AND (tablename LIKE 'taskhub%' OR tablename IN ('tests_trace', 'chaos_outcome'))
"""

# What writes a row that is finished, or finishes one, is an outcome.
_TRIGGER = """
    CREATE TABLE chaos_outcome (result uuid);
    CREATE FUNCTION note_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_outcome VALUES (NEW.id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_outcome AFTER UPDATE ON taskhub_taskresult FOR EACH ROW
    WHEN (NEW.status IN ('SUCCESSFUL', 'FAILED', 'CANCELLED'))
    EXECUTE FUNCTION note_outcome();
    CREATE INDEX ON tests_trace (pid);
    CREATE INDEX ON tests_trace (label);
"""

_IN_FLIGHT = """
    SELECT count(DISTINCT trace.label) FROM tests_trace trace
    JOIN taskhub_taskresult result ON result.args ->> 0 = trace.label
    WHERE trace.pid = ANY(ARRAY{}::int[]) AND result.status IN ('READY', 'RUNNING')
"""

# Of each label: whether its result is right, how often it was run and how often ended.
_OUTCOMES = """
    SELECT result.args ->> 0,
        result.status = 'SUCCESSFUL'
            AND result.return_value = result.args -> 0
            AND (coalesce(runs, 0) > 0 OR result.task_path LIKE '%.echo'),
        coalesce(runs, 0),
        coalesce(ends, 0)
    FROM taskhub_taskresult result
    LEFT JOIN (SELECT label, count(*) AS runs FROM tests_trace GROUP BY label) trace
        ON trace.label = result.args ->> 0
    LEFT JOIN (SELECT result, count(*) AS ends FROM chaos_outcome GROUP BY result) over
        ON over.result = result.id
"""

_BURNT = "SELECT coalesce(sum(jsonb_array_length(errors)), 0) FROM taskhub_taskresult"
_BEGUN_AGAIN = """
    SELECT coalesce(sum(greatest(attempts - 1, 0)), 0) FROM taskhub_taskresult
"""

_AFTER_END = """
    SELECT count(*) FROM tests_trace trace
    JOIN taskhub_taskresult result ON result.args ->> 0 = trace.label
    WHERE trace.at > result.finished_at
"""
