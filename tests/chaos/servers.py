"""Private servers in which faults can be injected."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from tests.servers import PostgresServer, RedisServer, wait_until


class StubbornRedis(RedisServer):
    """A Redis that can be told to sleep, and that is stopped with SIGKILL."""

    stop_signal = signal.SIGKILL

    def command(self) -> Sequence[str]:
        return [*super().command(), "--enable-debug-command", "local"]

    def start(self) -> None:
        super().start()
        wait_until(lambda: _answers(self.client().ping), "Redis")

    def client(self) -> redis.Redis:
        """Return a client with a long timeout."""
        return redis.Redis(port=self.port, socket_timeout=60)


class Postgres(PostgresServer):
    """A PostgreSQL that is stopped, frozen and started again."""

    #: Further arguments of the command line.
    options: Sequence[str] = ()

    def command(self) -> Sequence[str]:
        return [*super().command(), *self.options]

    def is_ready(self) -> bool:
        return _answers(self.ask)

    def ask(self, statement: str = "SELECT 1") -> list[tuple[Any, ...]]:
        """Run a statement on a new connection, and return its rows."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as link:
            cursor = link.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all processes of the server with SIGSTOP, and resume them at the end."""
        assert self.process is not None
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children")
        stopped = [master]
        try:
            # Stop the main process first, so that it starts no more processes.
            os.kill(master, signal.SIGSTOP)
            stopped += map(int, children.read_text().split())
            for pid in stopped[1:]:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def start(self) -> None:
        """Start the server; retry while killed processes still hold shared memory."""
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
