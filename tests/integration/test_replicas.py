"""Where a router reads from a replica, operations ask the database they write to."""

import inspect
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection
from django.utils import timezone

from taskhub import operations
from taskhub.exceptions import TaskHubError
from taskhub.models import Node, PeriodicTask, QuarantinedMessage, TaskResult
from taskhub.operations import Queue, Retention, Selection
from tests import tasks
from tests.factories import (
    NodeFactory,
    PeriodicTaskFactory,
    QuarantinedMessageFactory,
    TaskResultFactory,
)
from tests.replicas import replica

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="its replicas are made by a setting"
    ),
]

MAIL, OTHER = Queue("mail"), Queue("other")
DAY = timedelta(days=1)


@pytest.fixture
def reads_replica(settings, configure):
    """The router; Django refuses each statement on what no test has asked for."""
    configure(broker_url="database://")
    with replica():
        settings.DATABASE_ROUTERS = ["tests.replicas.ReadsReplica"]
        yield
        settings.DATABASE_ROUTERS = []


def _one(model):
    """A row, as the replica would show it some time later."""
    return model.objects.using(DEFAULT_DB_ALIAS).order_by("pk").first()


def _waiting():
    return TaskResult.objects.filter(task_path="tests.tasks.send")


def _push_quarantined():
    # It is forged, which is not what this is about.
    with suppress(TaskHubError):
        operations.push_quarantined(_one(QuarantinedMessage))


def _bulk():
    return operations.start_bulk("retry", Selection())


CALLS = {
    "affected": lambda: operations.affected("retry", Selection()).count(),
    "awake": lambda: operations.awake("here"),
    "backfill": lambda: operations.backfill(
        _one(PeriodicTask), timezone.now() - DAY, timezone.now()
    ),
    "cancel": lambda: operations.cancel(_waiting()),
    "describe_kept": lambda: operations.describe_kept(Retention(days=1)),
    "disable": lambda: operations.disable([_one(PeriodicTask)]),
    "drain": lambda: operations.drain(MAIL),
    "enable": lambda: operations.enable([_one(PeriodicTask)]),
    "forget": lambda: operations.forget(TaskResult.objects.all()),
    "inspect_quarantined": lambda: operations.inspect_quarantined(
        _one(QuarantinedMessage)
    ),
    "lingering_runs": operations.lingering_runs,
    "make_run": lambda: operations.make_run(_one(PeriodicTask), None),
    "move": lambda: operations.move(MAIL, OTHER),
    "pause": lambda: operations.pause(MAIL),
    "prune": lambda: list(
        operations.prune(
            Retention(days=1, failed_days=1, most=9, quarantined_days=1, log_days=1)
        )
    ),
    "purge": lambda: operations.purge(MAIL),
    "push_quarantined": _push_quarantined,
    "quiet": lambda: operations.quiet("here"),
    "read_status": operations.read_status,
    "resize": lambda: operations.resize("here", 2),
    "resume": lambda: operations.resume(MAIL),
    "retry": lambda: operations.retry(TaskResult.objects.failed()),
    "run_now": lambda: operations.run_now(_one(PeriodicTask)),
    "skip_next": lambda: operations.skip_next(_one(PeriodicTask)),
    "start_bulk": _bulk,
    "still_running": lambda: operations.still_running([_one(TaskResult)]),
    "stop": lambda: operations.stop("here"),
    "stop_bulk": lambda: operations.stop_bulk(_bulk()),
    "submit": lambda: operations.submit("tests.tasks.add", [1, 2]),
    "submit_again": lambda: operations.submit_again(_one(TaskResult), ["a"], {}),
    "synchronise_schedules": operations.synchronise_schedules,
    "ticks_to_backfill": lambda: operations.ticks_to_backfill(
        _one(PeriodicTask), timezone.now() - DAY, timezone.now()
    ),
    "validate": lambda: operations.validate(_one(PeriodicTask)),
    # Of the modules.
    "export": lambda: list(operations.exporting.export(Selection())),
    "read_failures": operations.failures.read_failures,
    "read_progress": lambda: operations.following.read_progress(_one(TaskResult).pk),
    "read_metrics": operations.metrics.read_metrics,
    "read_by_queue": operations.metrics.read_by_queue,
    "save_filter": lambda: operations.saved_filters.save_filter("a", "b", owner="me"),
    "filters_for": lambda: list(operations.saved_filters.filters_for("me")),
}


def test_no_operation_is_left_out():
    functions = {
        name
        for name in operations.__all__
        if inspect.isfunction(getattr(operations, name))
    }
    assert functions <= CALLS.keys()


def test_operations_ask_and_change_the_database_that_is_written_to(reads_replica):
    for call in CALLS.values():
        tasks.send.enqueue("a@example.com")
        TaskResultFactory(failed=True, task_path="tests.tasks.send")
        PeriodicTaskFactory()
        Node.objects.using(DEFAULT_DB_ALIAS).all().delete()
        NodeFactory(name="here")
        QuarantinedMessageFactory()

        call()


def test_operations_find_what_the_replica_does_not_show_yet(reads_replica):
    tasks.send.enqueue("a@example.com")
    TaskResultFactory(failed=True)

    assert operations.cancel(_waiting()).waiting == 1
    assert operations.retry(TaskResult.objects.failed()) == 1
    assert operations.forget(TaskResult.objects.all()).deleted == 2


@pytest.mark.parametrize(
    "command",
    [
        ["taskprune"],
        ["taskschedules"],
        ["taskstatus"],
        ["taskbeat", "--check"],
        ["taskworker", "--check"],
        ["taskcontrol", "pause", "mail"],
        ["taskcontrol", "purge", "mail", "--no-input"],
        ["taskcontrol", "quiet", "here"],
    ],
    ids=" ".join,
)
def test_commands_do_without_the_replica(reads_replica, command):
    NodeFactory(name="here")
    tasks.send.enqueue("a@example.com")

    # taskstatus ends with what it has found.
    with suppress(SystemExit):
        call_command(*command)
