"""Beats as processes: start, stop, kills, wrong clocks and a database outage."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import libfaketime
import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from taskhub.brokers import get_broker
from taskhub.messages import Depth
from taskhub.models import MissedRuns, PeriodicTask, Status, TaskResult
from taskhub.operations.schedules.beats import running_beat
from taskhub.schedules import every
from tests.factories import PeriodicTaskFactory
from tests.nodes import Node, environment
from tests.servers import PostgresServer, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def start_beat(transactional_db, config, tmp_path) -> Iterator[Callable[..., Node]]:
    """A function that starts `manage.py taskbeat`."""
    beats: list[Node] = []

    def start_beat(**variables: str) -> Node:
        log = tmp_path / f"beat-{len(beats)}.log"
        beats.append(Node(config, log, command="taskbeat", **variables))
        return beats[-1]

    yield start_beat
    for beat in beats:
        beat.end()


def every_second(**fields: object) -> PeriodicTask:
    return PeriodicTaskFactory(schedule=every(seconds=1), **fields)


def wait_for_results(count: int) -> list[TaskResult]:
    wait_until(lambda: TaskResult.objects.count() >= count, f"{count} results")
    return list(TaskResult.objects.order_by("id"))


# Start and stop.


def test_a_beat_starts_fires_and_stops(start_beat):
    row = every_second()
    beat = start_beat()

    results = wait_for_results(2)

    assert {result.periodic_task_id for result in results} == {row.pk}
    assert running_beat().endswith(f":{beat.process.pid}")
    assert beat.stop() == 0
    assert "schedules  1 enabled, of 1" in beat.log
    assert "Stopped." in beat.log


#: A beat that does not stop. It has received two signals at once when it is ready.
STUCK = """
import signal, time
import django; django.setup()
from taskhub.management.startup import stop_on_signals

stop_on_signals(lambda: print("Stopping", flush=True))
signal.raise_signal(signal.SIGTERM)
signal.raise_signal(signal.SIGTERM)
print("ready", flush=True)
while True:
    time.sleep(1)
"""


def test_two_signals_at_once_are_one_stop_and_a_later_one_ends_a_beat():
    """Some programs signal both a process and its group; so does `timeout`."""
    beat = subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True
    )
    try:
        assert beat.stdout.readline() == "Stopping\n"
        assert beat.stdout.readline() == "ready\n"
        wait_until(lambda: beat.send_signal(signal.SIGTERM) or beat.poll(), "its end")
        assert beat.returncode == -signal.SIGTERM
        assert beat.stdout.read() == ""
    finally:
        beat.kill()
        beat.communicate()


def test_a_running_beat_fires_a_schedule_that_is_saved_later(start_beat):
    beat = start_beat()
    wait_until(lambda: "database" in beat.log, "the beat to start")

    every_second()

    wait_for_results(1)


def test_a_node_with_a_beat_fires_schedules_and_runs_tasks(start_node):
    every_second()
    node = start_node("--beat", "--processes=1")

    wait_until(TaskResult.objects.successful().exists, "a run")

    assert node.stop() == 0


def test_a_beat_that_died_is_replaced_by_its_node(start_node):
    every_second(missed_runs=MissedRuns.ALL)
    node = start_node("--beat", "--processes=1")
    wait_for_results(1)
    # The node starts its children in this order: steward, beat, worker process.
    _steward, beat, _worker = node.children()

    subprocess.run(["kill", "-9", str(beat)], check=True)

    wait_until(lambda: "The beat ended with signal SIGKILL" in node.log, "its death")
    before = TaskResult.objects.count()
    wait_for_results(before + 2)
    assert node.stop() == 0


def test_a_beat_ends_when_its_node_is_killed(start_node):
    every_second()
    node = start_node("--beat", "--processes=1")
    wait_for_results(1)
    children = node.children()

    node.send(signal.SIGKILL)
    node.wait()

    for pid in children:
        wait_until(lambda pid=pid: not is_alive(pid), f"the end of {pid}")


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_taskbeat_check_passes_if_the_beat_could_start(config):
    call_command("taskbeat", "--check")


def test_taskbeat_refuses_an_unknown_backend():
    with pytest.raises(CommandError, match="did you mean 'default'"):
        call_command("taskbeat", "--backend=defualt", "--check")


# Killed before the commit, and before the push.


def run_until_killed(start_beat, fault: str, **variables: str) -> None:
    beat = start_beat(FAULTS=fault, **variables)
    assert beat.wait() == -signal.SIGKILL


def test_a_beat_killed_before_its_commit_has_changed_nothing(start_beat):
    due = timezone.now().replace(microsecond=0) - timedelta(seconds=1)
    row = PeriodicTaskFactory(planned=due)

    run_until_killed(start_beat, "beat_before_commit")

    assert not TaskResult.objects.exists()
    row.refresh_from_db()
    assert (row.next_run_at, row.total_run_count) == (due, 0)

    start_beat()
    (result,) = wait_for_results(1)
    assert result.tick_at == due


def test_a_beat_killed_before_its_push_has_written_the_result(
    configure, redis_url, start_beat
):
    config = configure(broker_url=redis_url)
    due = timezone.now().replace(microsecond=0) - timedelta(seconds=1)
    row = PeriodicTaskFactory(planned=due)

    run_until_killed(start_beat, "before_push", TASKHUB_BROKER_URL=redis_url)

    result = TaskResult.objects.get()
    assert (result.tick_at, result.status) == (due, Status.READY)
    row.refresh_from_db()
    assert row.next_run_at > timezone.now()
    assert get_broker(config).depth("default") == Depth()


def test_several_beats_fire_every_tick_once_though_one_is_killed(start_beat):
    rows = [every_second(missed_runs=MissedRuns.ALL) for _ in range(3)]
    beats = [start_beat() for _ in range(3)]
    wait_for_results(6)

    beats[0].send(signal.SIGKILL)

    count = len(wait_for_results(15))
    for beat in beats[1:]:
        beat.stop()
    assert count >= 15
    for row in rows:
        fired = list(row.results.order_by("tick_at").values_list("tick_at", flat=True))
        first = row.rule.next_after(row.planned_at)
        assert fired == [first, *row.rule.between(first, fired[-1])]


# Clocks.


def test_no_tick_fires_twice_when_the_clock_jumps(start_beat, tmp_path):
    row = every_second()
    clock = tmp_path / "clock"
    clock.write_text("+0")
    begun = timezone.now()
    start_beat(**wrong_clock(clock))
    wait_for_results(2)

    clock.write_text("+3600")
    wait_until(lambda: has_followed(row), "it to go on")
    clock.write_text("-3600")
    if not database_uses_process_clock():
        wait_for_results(6)

    fired = list(row.results.values_list("tick_at", flat=True))
    assert len(fired) == len(set(fired))
    if not database_uses_process_clock():
        # The clock of the database was right all the time.
        assert begun < min(fired)
        assert max(fired) <= timezone.now()


def database_uses_process_clock() -> bool:
    """Whether the database takes the time from the process that queries it."""
    return connection.vendor == "sqlite"


def has_followed(row: PeriodicTask) -> bool:
    """Whether ticks have been fired since the clock was changed."""
    if database_uses_process_clock():
        hour = timezone.now() + timedelta(minutes=50)
        return row.results.filter(tick_at__gt=hour).exists()
    return TaskResult.objects.count() >= 4


def wrong_clock(clock: Path) -> dict[str, str]:
    """Return the environment of a process that takes its time from a file."""
    _needed, variables = libfaketime.get_reload_information()
    return {
        **variables,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


# The database.


def test_a_beat_continues_after_the_database_was_away(configure, tmp_path):
    if connection.vendor != "postgresql":
        pytest.skip("tested with one server")
    config = configure(broker_url="database://")
    with PostgresServer() as server:
        here = {"DATABASE_URL": server.url}
        manage(config, here, "migrate", "--verbosity=0")
        manage(config, here, "shell", "--verbosity=0", "--command", _MAKE_SCHEDULE)
        beat = Node(config, tmp_path / "beat.log", command="taskbeat", **here)
        wait_until(lambda: count_results(server) >= 2, "runs")

        server.stop()
        wait_until(lambda: "Cannot read schedules" in beat.log, "it to notice")
        server.start()
        before = count_results(server)
        wait_until(lambda: count_results(server) > before, "runs again")

        assert beat.stop() == 0
        assert "The database is back" in beat.log


_MAKE_SCHEDULE = """
from taskhub.models import PeriodicTask
PeriodicTask.objects.create(
    name="tick", task_path="tests.tasks.add", args=[1], schedule="every 1 second"
)
"""


def manage(config, variables: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment(config) | variables,
        check=True,
        capture_output=True,
    )


def count_results(server: PostgresServer) -> int:
    with psycopg.connect(server.url.replace("postgres:", "postgresql:")) as link:
        counted = link.execute("SELECT count(*) FROM taskhub_taskresult").fetchone()
    return counted[0]
