"""The option `notify` of the database broker: idle workers with and without it."""

import pytest
from django.db import connection

from taskhub.models import Status
from tests import tasks
from tests.factories import PeriodicTaskFactory
from tests.servers import wait_until

pytestmark = [
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="only PostgreSQL notifies"
    ),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(params=[True, False], ids=["notify", "silent"])
def notify(request):
    return request.param


@pytest.fixture
def config(configure, settings, notify):
    # Another backend would notify beats by its own options.
    settings.TASKS = {"default": settings.TASKS["default"]}
    return configure(broker_url="database://", notify=notify)


def notified_channels() -> list[str]:
    """Return the channels on which this connection has been notified so far."""
    with connection.cursor() as cursor:
        # Notifications that were sent before this query arrive with its answer.
        cursor.execute("SELECT 1")
    return [each.channel for each in connection.connection.notifies(timeout=0)]


def test_enqueueing_and_saving_a_schedule_notify_only_with_the_option(config, notify):
    with connection.cursor() as cursor:
        cursor.execute("LISTEN taskhub")
        cursor.execute("LISTEN taskhub_beat")

    tasks.add.enqueue(1)
    PeriodicTaskFactory()

    assert sorted(set(notified_channels())) == (
        ["taskhub", "taskhub_beat"] if notify else []
    )


def count_listening() -> int:
    """Return the number of connections that LISTEN."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
        )
        return cursor.fetchone()[0]


def test_an_idle_worker_runs_tasks_with_and_without_notify(start_node, notify):
    module = "tests.settings" if notify else "tests.site_settings.unnotified"
    start_node("--processes=1", "--beat", DJANGO_SETTINGS_MODULE=module)
    first = tasks.add.enqueue(1)
    wait_until(lambda: first.row.status == Status.SUCCESSFUL, "the first task")
    if notify:
        wait_until(count_listening, "the worker to listen")

    for number in range(3):
        result = tasks.add.enqueue(number)
        wait_until(
            lambda result=result: result.row.status == Status.SUCCESSFUL, "the task"
        )

    assert bool(count_listening()) == notify
