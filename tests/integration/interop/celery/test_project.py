"""A whole project of Celery on taskhub: its app, settings, schedules and signals."""

from datetime import timedelta

import pytest

from taskhub.interop.celery.signals import task_revoked
from taskhub.models import PeriodicTask, TaskResult
from tests import celery_tasks as tasks
from tests.servers import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_broker,
    pytest.mark.any_database,
]
SITE = {"DJANGO_SETTINGS_MODULE": "tests.moved.settings"}


@pytest.fixture
def lines(tmp_path):
    """A function that returns what receivers in the site's processes have written."""
    path = tmp_path / "lines"
    path.touch()

    def read():
        return path.read_text().splitlines()

    read.site = SITE | {"MOVED_LINES": str(path)}
    return read


@pytest.fixture
def schedules(start_node):
    """The rows of the schedules that the site declares, by their names."""
    command = start_node(command="taskschedules", **SITE)
    assert command.wait() == 0, command.log
    return {row.name: row for row in PeriodicTask.objects.all()}


def test_schedules_of_settings_and_of_the_app_become_rows(schedules):
    nightly, debug = schedules["nightly"], schedules["debug"]
    assert nightly.task_path == "tests.multiply"
    assert nightly.schedule.text == "cron 30 3 * * MON-FRI Europe/Berlin"
    assert (nightly.args, nightly.queue_name) == ([2, 3], "mail")
    assert nightly.expires_after == timedelta(hours=1)
    assert nightly.from_code
    assert debug.schedule.text == "every 200 milliseconds"


def test_the_beat_fires_schedules_and_workers_know_all_tasks(
    schedules, lines, start_node
):
    PeriodicTask.objects.exclude(name="debug").delete()
    node = start_node("--processes=1", "--beat", **lines.site)

    wait_until(lambda: "debug tests.moved.celery.debug_task" in lines(), "the tick")

    assert node.stop() == 0
    told = lines()
    assert {"beat_init", "worker_ready", "worker_process_init"} <= set(told)
    assert {"worker_process_shutdown", "worker_shutdown"} <= set(told)
    assert not TaskResult.objects.successful().exists()


def test_the_signals_of_runs(lines, start_node):
    results = [
        tasks.add.delay(1),
        tasks.fail.delay("no"),
        tasks.retry_by_hand.delay(""),
    ]
    node = start_node("--processes=1", **lines.site)
    for result in results:
        wait_until(result.ready, result.name)
    assert node.stop() == 0

    add, fail, retry = (result.task_name for result in results)
    told = [line for line in lines() if line.startswith("task_")]
    for name, expected in (
        (add, ["prerun", "success", "postrun"]),
        (fail, ["prerun", "failure", "postrun"]),
        (retry, ["prerun", "retry", "postrun"] * 2 + ["prerun", "failure", "postrun"]),
    ):
        found = [line for line in told if line.endswith(f" {name}")]
        assert found == [f"task_{each} {name}" for each in expected]


def test_revoking_sends_a_signal_in_the_process_that_revokes():
    told = []
    result = tasks.add.apply_async((1,), countdown=60)

    def record(sender, request, terminated, expired, **kwargs):
        told.append((sender.name, request.id, request.args, terminated, expired))

    task_revoked.connect(record)
    try:
        result.revoke()
    finally:
        task_revoked.disconnect(record)

    assert told == [(tasks.add.name, result.id, [1], False, False)]


def test_tasks_in_other_modules_are_found(start_node):
    code = "from tests.moved.jobs import found; found.delay()"
    assert start_node("-c", code, command="shell", **SITE).wait() == 0
    node = start_node("--drain", "--processes=1", **SITE)

    assert node.wait() == 0, node.log
    assert TaskResult.objects.get().return_value == "found"
