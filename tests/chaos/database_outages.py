"""PostgreSQL that crashes, stops, is full, is read-only or has no connections left."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.chaos.nodes import run_command
from tests.chaos.redis_outages import BACK_SECONDS, REQUIRED, Work, again_and_again
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import ServerMissing


def _begin(stage: Stage, *arguments: str, **variables: str) -> tuple[Report, Work]:
    """Start nodes, and enqueue more tasks than they can finish soon."""
    from tests.chaos import tasks

    report, work = Report(), Work(stage)
    stage.keep_nodes(2, "--processes=2", *arguments, **variables)
    work.enqueue(stage.pick(5_000, 1_000))
    tasks.echo.enqueue_many([(f"echo {n}",) for n in range(stage.pick(2_000, 500))])
    return report, work


def _crash(stage: Stage, report: Report, *, slots: int = 4) -> None:
    """
    Stop PostgreSQL at once.

    It may have committed the trace of a task without replying. Then the task fails as
    if nothing was written, and runs again. Each slot of the nodes may have such a task.
    """
    stage.stop_postgres()
    report.faults += 1
    report.bound += slots


def _end(stage: Stage, report: Report, work: Work) -> Report:
    report.took(work.seconds_to_resume(), most=BACK_SECONDS)
    work.finish(report, may_be_interrupted=True)
    return report


@scenario(required=REQUIRED)
def database_crashed(stage: Stage) -> Report:
    """PostgreSQL is stopped at once (`SIGQUIT`) while tasks run, and started again."""
    report, work = _begin(stage)
    for _ in range(stage.pick(3, 1)):
        _crash(stage, report)
        stage.start_postgres()
        report.took(work.seconds_to_resume(), most=BACK_SECONDS)
    return _end(stage, report, work)


@scenario(required=REQUIRED)
def database_pool_crashed(stage: Stage) -> Report:
    """PostgreSQL crashes; nodes use Django's pool, too small for their threads."""
    variables = {"DJANGO_SETTINGS_MODULE": "tests.chaos.pool_settings"}
    report, work = _begin(stage, "--threads=4", "--beat", **variables)
    _crash(stage, report, slots=16)
    stage.start_postgres()
    count = stage.pick(500, 100)
    code = f"enqueue_many([(f'pooled {{n}}',) for n in range({count})])"
    done = run_command(
        "shell", "-c", f"from tests.chaos.tasks import once; once.{code}", **variables
    )
    report.expect(done.returncode == 0, done.stderr.strip()[-300:])
    return _end(stage, report, work)


@scenario(required=REQUIRED)
def database_away(stage: Stage) -> Report:
    """PostgreSQL is stopped while tasks run, and stays stopped for a while."""
    report, work = _begin(stage)
    _crash(stage, report)
    time.sleep(stage.pick(60, 6))
    stage.start_postgres()
    return _end(stage, report, work)


@scenario(required=REQUIRED)
def database_read_only(stage: Stage) -> Report:
    """PostgreSQL takes no writes for a while, as during a failover."""
    report, work = _begin(stage)
    stage.finally_do(lambda: _set_read_only(stage, "off"))
    _set_read_only(stage, "on")
    report.faults += 1
    time.sleep(stage.pick(30, 5))
    _set_read_only(stage, "off")
    stage.reconnect()
    return _end(stage, report, work)


def _set_read_only(stage: Stage, value: str) -> None:
    stage.postgres.ask("SET default_transaction_read_only = off")
    with psycopg.connect(stage.postgres.url, autocommit=True) as link:
        link.execute("SET default_transaction_read_only = off")
        link.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        link.execute("SELECT pg_reload_conf()")
    # Open sessions notice the new setting at their next statement.
    time.sleep(0.2)


@scenario(required=REQUIRED)
def database_out_of_connections(stage: Stage) -> Report:
    """Another client takes all connections, while new worker processes need some."""
    report, work = _begin(stage, "--tasks-per-process=100")
    taken: list[psycopg.Connection] = []

    def take() -> None:
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(psycopg.connect(stage.postgres.url, autocommit=True))

    with again_and_again(take, 0.01):
        report.faults += 1
        time.sleep(stage.pick(30, 5))
    report.notes.append(f"{len(taken)} connections occupied")
    for link in taken:
        link.close()
    stage.reconnect()
    return _end(stage, report, work)


MOUNT = Path("/tmp/chaos-full")  # noqa: S108  a mount of our own


def small_disk() -> None:
    """Check that a small disk can be mounted. Raise ServerMissing if it cannot."""
    MOUNT.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(MOUNT)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ServerMissing(f"no small disk: {done.stderr.strip()}")
    subprocess.run(["umount", str(MOUNT)], check=True)


@scenario(required=REQUIRED, needs=small_disk)
def database_disk_full(stage: Stage) -> Report:
    """The disk that PostgreSQL's tables are on is full for a while."""
    report = Report()
    place = MOUNT / "tables"
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(MOUNT)], check=True
    )
    stage.finally_do(lambda: _leave_small_disk(stage))
    place.mkdir()
    import shutil

    shutil.chown(MOUNT, stage.postgres.account)
    shutil.chown(place, stage.postgres.account)
    stage.postgres.ask(f"CREATE TABLESPACE small LOCATION '{place}'")
    for table in ("taskhub_taskresult", "tests_trace"):
        stage.postgres.ask(f"ALTER TABLE {table} SET TABLESPACE small")
    report, work = _begin(stage)
    ballast = MOUNT / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65_536))
    report.faults += 1
    time.sleep(stage.pick(30, 5))
    report.expect("No space left" in stage.logs(), "it was not full")
    ballast.unlink()
    return _end(stage, report, work)


def _leave_small_disk(stage: Stage) -> None:
    for table in ("taskhub_taskresult", "tests_trace"):
        stage.postgres.ask(f"TRUNCATE {table} CASCADE")
        stage.postgres.ask(f"ALTER TABLE {table} SET TABLESPACE pg_default")
    stage.postgres.ask("DROP TABLESPACE small")
    subprocess.run(["umount", "-l", str(MOUNT)], check=True)
