"""Real worker nodes in separate processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from taskhub.conf import Config
from tests.connections import open_transactions
from tests.servers import wait_until


def database_url() -> str:
    """Return the URL of the test database, for other processes."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    scheme = "postgres" if connection.vendor == "postgresql" else "mysql"
    options = "?charset=utf8mb4" if scheme == "mysql" else ""
    password = f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else ""
    place = f"{given['USER']}{password}@{given['HOST']}:{given['PORT']}"
    return f"{scheme}://{place}/{given['NAME']}{options}"


def environment(config: Config) -> dict[str, str]:
    """Return an environment in which `manage.py` has the test's database and broker."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "TASKHUB_BROKER_URL": config.options.broker_url,
        "TASKHUB_KEY_PREFIX": config.options.key_prefix,
        "TASKHUB_LEASE_SECONDS": str(config.options.lease_seconds),
        "TASKHUB_MAX_REDELIVERIES": str(config.options.max_redeliveries),
        "PYTHONUNBUFFERED": "1",
    }


class Node:
    """A running `manage.py taskworker`, or another command; its output is in a file."""

    def __init__(
        self,
        config: Config,
        log_path: Path,
        *arguments: str,
        command: str = "taskworker",
        pass_fds: Sequence[int] = (),
        **variables: str,
    ) -> None:
        self.log_path = log_path
        with log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", command, *arguments],
                cwd=settings.BASE_DIR,
                env=environment(config) | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=pass_fds,
            )

    @property
    def log(self) -> str:
        """The output of the node so far."""
        return self.log_path.read_text(errors="replace")

    def wait(self, seconds: float = 60) -> int:
        """Wait until the node has ended, and return its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"The node did not end:\n{self.log}") from None

    def send(self, number: signal.Signals) -> None:
        """Signal the supervisor."""
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop the node as a service manager would, and return its exit code."""
        self.send(number)
        return self.wait()

    def children(self) -> list[int]:
        """Return the pids of the node's steward and worker processes."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def session(self) -> list[int]:
        """Return the pids of all processes in the node's session, including orphans."""
        pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if _session_of(pid) == self.process.pid]

    def signal_session(self, number: signal.Signals) -> None:
        """Signal all processes in the node's session, as a service manager may."""
        for pid in self.session():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def signal_all(self, number: signal.Signals) -> None:
        """Signal the supervisor and all its children at once."""
        for pid in [self.process.pid, *self.children()]:
            os.kill(pid, number)

    def freeze(self, *, with_transactions: int = 0) -> None:
        """
        Stop all processes when no more transactions than these are open.

        Another one would keep its locks, for which other nodes would wait until the
        database ends it.
        """

        def froze() -> bool:
            self.signal_all(signal.SIGSTOP)
            try:
                # The statements that the server is executing end in the meantime.
                wait_until(lambda: open_transactions() <= with_transactions, "", 1)
            except TimeoutError:
                self.thaw()
                return False
            return True

        wait_until(froze, "a moment without transactions")

    def thaw(self) -> None:
        """Let the processes go on."""
        self.signal_all(signal.SIGCONT)

    def kill(self) -> None:
        """Kill all processes of the node at once, as when its machine fails."""
        self.signal_all(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """End all processes of the node, even after a failed test."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.signal_session(signal.SIGKILL)
        # Killed processes must not write rows into the database of the next test.
        wait_until(lambda: not self.session(), "the node's processes to end")


def _session_of(pid: int) -> int | None:
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # A zombie has ended, and only waits to be reaped.
    return None if state == "Z" else int(rest[2])


__all__ = ["Node", "database_url", "environment", "wait_until"]
