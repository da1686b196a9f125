"""
The stage: private servers, real nodes, and a witness that counts their runs.

Servers are started once. Each scenario begins with empty servers.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.chaos.nodes import Keeper
from tests.chaos.servers import Postgres, StubbornRedis
from tests.chaos.witness import Witness
from tests.servers import wait_until

LEASE_SECONDS = 5.0
#: Far more than any wait takes; a condition that does not hold by then never will.
PATIENCE_SECONDS = 120.0


class Stage:
    """The servers and nodes that scenarios use."""

    def __init__(self, *, seed: int, full: bool, minutes: float) -> None:
        self.full = full
        #: How long the soak runs.
        self.minutes = minutes
        self._seed = seed
        self.random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self.redis = StubbornRedis()
        self.postgres = Postgres()
        self.witness = Witness(self.postgres)
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
        self.witness.begin()
        return self

    def __exit__(self, *reason: object) -> None:
        self.clear()
        self._servers.close()

    @property
    def directory(self) -> Path:
        """The directory for temporary files."""
        return self.redis.directory

    def pick(self, full: int, small: int) -> int:
        """Return the number for the current scale."""
        return full if self.full else small

    # Scenes.

    @contextmanager
    def scene(self) -> Iterator[None]:
        """Begin with empty servers and the same random numbers; end with `clear`."""
        self.random.seed(self._seed)
        self.wipe()
        self.witness.forget()
        self.reconnect()
        try:
            yield
        finally:
            self.clear()

    def clear(self) -> None:
        """End the servers and nodes that the scene has started."""
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
        """Call a function when the scene ends, even if the scenario fails."""
        self._scene.callback(work)

    def configure(self, **options: object) -> None:
        """Change options of the default backend for this scene, here and in nodes."""
        from django.conf import settings
        from django.test.utils import override_settings

        default = settings.TASKS["default"]
        changed = {**default, "OPTIONS": {**default["OPTIONS"], **options}}
        override = override_settings(TASKS={**settings.TASKS, "default": changed})
        self._scene.enter_context(override)

    @property
    def config(self) -> Any:
        """The config of the default backend."""
        from taskhub.compat import django_tasks as compat

        return compat.task_backends["default"].config

    @property
    def broker(self) -> Any:
        """The broker of the default backend."""
        from taskhub.brokers import get_broker

        return get_broker(self.config)

    # Nodes.

    def start_node(self, *arguments: str, **variables: str) -> Any:
        """Start a node, which is ended with the scene."""
        from tests.nodes import Node

        node = Node(
            self.config,
            self.directory / f"node-{time.monotonic_ns()}.log",
            *arguments,
            **{"DJANGO_SETTINGS_MODULE": "tests.chaos.settings", **variables},
        )
        self._nodes.append(node)
        return node

    def keep_nodes(self, count: int, *arguments: str, **variables: str) -> Keeper:
        """Start nodes, and a service manager that starts dead ones again."""
        start = lambda: self.start_node(*arguments, **variables)  # noqa: E731
        keeper = Keeper([start() for _ in range(count)], start)
        self.finally_do(keeper.stop)
        keeper.start()
        self.wait_for_work()
        return keeper

    def wait_for_work(self, count: int = 1) -> None:
        """Wait until `count` nodes have sent a heartbeat and tasks run."""
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
        """Return the output of all nodes of this scene."""
        return "".join(node.log for node in self._nodes)

    # Faults.

    def wipe(self) -> None:
        """Empty Redis."""
        self.redis.client().flushall()

    def restart_redis(self, *, after: float = 0.0) -> None:
        """Kill Redis, which loses its data, and start it `after` seconds later."""
        self.redis.stop()
        time.sleep(after)
        self.redis.start()

    def stop_postgres(self) -> None:
        """Stop PostgreSQL at once, as a crash would."""
        self.postgres.stop(signal.SIGQUIT)
        self.reconnect()

    def start_postgres(self) -> None:
        """Start PostgreSQL again, and wait until it answers."""
        self.postgres.start()
        self.reconnect()

    def reconnect(self) -> None:
        """Drop this process's database connections."""
        from django.db import connections

        for connection in connections.all(initialized_only=True):
            with suppress(Exception):
                connection.close()
            connection.connection = None

    def kill(self, pids: Sequence[int]) -> int:
        """
        Kill processes with `kill -9`; return how many tasks they had in flight.

        The processes are stopped first. Then the count waits until all statements that
        they have sent have reached the database.
        """
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        before, under_way = -1, 0
        while under_way != before:
            time.sleep(0.1)
            before, under_way = under_way, self.witness.in_flight(pids)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return under_way

    # Waiting.

    def wait_for_all(self, *, but: Iterable[str] = ()) -> bool:
        """Wait until no row is unfinished; return False if no more of them finish."""
        from taskhub.models import TaskResult

        unfinished = TaskResult.objects.unfinished().exclude(id__in=list(but))
        with suppress(TimeoutError):
            self.wait_for_none(unfinished.count, "all results")
            return True
        return False

    def wait_for_none(self, count: Callable[[], int], what: str) -> None:
        """
        Wait until a count falls to 0. Raise TimeoutError if it does not fall any more.

        How long all of it takes depends on the machine, so that has no limit.
        """
        least = count()

        def has_fallen() -> bool:
            nonlocal least
            before, least = least, min(least, count())
            return least < before

        while least > 0:
            wait_until(has_fallen, what, PATIENCE_SECONDS)

    def seconds_until(self, condition: Callable[[], object], what: str) -> float:
        """Wait for a condition, and return the seconds that it took."""
        begun = time.monotonic()
        wait_until(condition, what, PATIENCE_SECONDS)
        return time.monotonic() - begun

    def gate(self, name: str = "gate") -> Path:
        """Return the path of a file that does not exist yet; the scene removes it."""
        path = self.directory / name
        path.unlink(missing_ok=True)
        self.finally_do(lambda: path.unlink(missing_ok=True))
        return path
