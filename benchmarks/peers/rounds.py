"""Rounds of all rows in turn, each in its own process group."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from benchmarks.peers.environments import NotInstalled, interpreter_of
from benchmarks.peers.peer import ROOT
from benchmarks.peers.rows import Row
from benchmarks.servers import DurablePostgres
from tests.servers import RedisServer

#: The first round of each row, which is not counted; it sets the size of the next one.
_WARM_UP_TASKS = 500
_WARM_UP_STARTS = 5
_ROUND_SECONDS = 300


class RoundFailed(Exception):
    """A round has no figures. The message is the last line of its log."""


@dataclass
class Measured:
    """The figures from the rounds of one row, or the reason why they have ended."""

    row: Row
    rounds: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""
    #: How many tasks the next round gets, computed from the fastest round.
    tasks: int = _WARM_UP_TASKS


class Arena:
    """Two servers, and the rows that take turns on them."""

    def __init__(self, postgres: DurablePostgres, redis_server: RedisServer) -> None:
        self.postgres, self.redis = postgres, redis_server

    def measure(
        self, rows: Sequence[Row], *, rounds: int, seconds: float, starts: int
    ) -> list[Measured]:
        """
        Run all rows in turn, `rounds` times. Each round takes about `seconds` seconds.

        A row that fails is reported at once, and does not run again.
        """
        measured = [Measured(row) for row in rows]
        for each in measured:
            self._install(each)
            self._warm_up(each, seconds)
        for _ in range(rounds):
            for each in measured:
                self._take_turn(each, seconds, starts)
        return measured

    def _install(self, measured: Measured) -> None:
        try:
            interpreter_of(measured.row.peer)
        except NotInstalled as error:
            measured.failure = f"cannot be installed: {error}"
            _say(f"{measured.row.name}: {measured.failure}")
        else:
            self._create_database(measured.row)

    def _warm_up(self, measured: Measured, seconds: float) -> None:
        """Run longer and longer rounds until one shows how many tasks a round needs."""
        while not measured.failure:
            self._take_turn(measured, seconds, _WARM_UP_STARTS)
            if measured.rounds and measured.rounds.pop()["seconds"] > seconds / 4:
                return

    def _take_turn(self, measured: Measured, seconds: float, starts: int) -> None:
        if measured.failure:
            return
        try:
            shown = self._run(measured.row, measured.tasks, starts)
        except RoundFailed as error:
            measured.failure = f"failed: {error}"
            _say(f"{measured.row.name}: {measured.failure}")
            return
        measured.rounds.append(shown)
        # A moment in which the machine was slow must not make the next round short.
        measured.tasks = max(measured.tasks, int(shown["finished"] * seconds))
        _say(
            f"{measured.row.name}: {shown['tasks']:,} tasks in "
            f"{shown['seconds']:.1f} s, {shown['finished']:,.0f} a second"
        )

    def _run(self, row: Row, tasks: int, starts: int) -> dict[str, Any]:
        redis.Redis.from_url(self.redis.url).flushall()
        with tempfile.TemporaryDirectory(prefix="taskhub-peers-") as directory:
            report, log = Path(directory) / "report.json", Path(directory) / "log"
            command = [
                *(interpreter_of(row.peer), "-m", "benchmarks.peers.drive"),
                *(row.peer, row.variant, f"--tasks={tasks}", f"--starts={starts}"),
                f"--report={report}",
            ]
            with log.open("w") as output:
                _run_in_group(command, self._environment(row), output.fileno())
            if not report.exists():
                raise RoundFailed(_last_line(log))
            shown: dict[str, Any] = json.loads(report.read_text())
            return shown

    def _environment(self, row: Row) -> dict[str, str]:
        return os.environ | {
            "REDIS_URL": self.redis.url,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.postgres.port),
            "PGUSER": "postgres",
            "PGDATABASE": row.name,
        }

    def _create_database(self, row: Row) -> None:
        # Each row has its own database, so that migrations do not meet other tables.
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {}").format(sql.Identifier(row.name))
            )


def _run_in_group(command: list[str], environment: dict[str, str], log: int) -> None:
    """Run a command to its end, and kill the processes that remain in its group."""
    driver = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        driver.wait(_ROUND_SECONDS)
    except subprocess.TimeoutExpired:
        os.write(log, f"\nnot done after {_ROUND_SECONDS} s\n".encode())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "without a word"


def _say(line: str) -> None:
    # On stderr, since the table on stdout may be redirected.
    print(line, file=sys.stderr, flush=True)
