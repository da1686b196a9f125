"""Operations read from the database for writing, even if a router reads a replica."""

import inspect
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection
from django.utils import timezone

from taskhub import operations
from taskhub.conf import configs
from taskhub.exceptions import TaskHubError
from taskhub.models import Node, PeriodicTask, QuarantinedMessage, TaskResult
from taskhub.operations.pruning import Retention
from taskhub.operations.queues import Queue
from taskhub.operations.results import Selection
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
        connection.vendor != "postgresql",
        reason="the replica is made with a setting of PostgreSQL",
    ),
]

MAIL, OTHER = Queue("mail"), Queue("other")
DAY = timedelta(days=1)


@pytest.fixture
def reads_replica(settings, configure):
    """A router that reads from a replica. Tests have no access: each query raises."""
    configure(broker_url="database://")
    with replica():
        settings.DATABASE_ROUTERS = ["tests.replicas.ReadsReplica"]
        yield
        settings.DATABASE_ROUTERS = []


def _one(model):
    """Return a row as the replica would show it some time later."""
    return model.objects.using(DEFAULT_DB_ALIAS).order_by("pk").first()


def _waiting():
    return TaskResult.objects.filter(task_path="tests.tasks.send")


def _push_quarantined():
    # The message is forged, so the push is refused. That does not matter here.
    with suppress(TaskHubError):
        operations.quarantine.push(_one(QuarantinedMessage))


def _bulk():
    return operations.results.start_bulk("retry", Selection())


def _config():
    return configs()[0]


CALLS = {
    "results.affected": lambda: operations.results.affected(
        "retry", Selection()
    ).count(),
    "nodes.resume": lambda: operations.nodes.resume("here"),
    "schedules.backfill": lambda: operations.schedules.backfill(
        _one(PeriodicTask), timezone.now() - DAY, timezone.now()
    ),
    "results.cancel": lambda: operations.results.cancel(_waiting()),
    "pruning.describe_kept": lambda: operations.pruning.describe_kept(
        Retention(days=1)
    ),
    "schedules.disable": lambda: operations.schedules.disable([_one(PeriodicTask)]),
    "queues.drain": lambda: operations.queues.drain(MAIL),
    "schedules.enable": lambda: operations.schedules.enable([_one(PeriodicTask)]),
    "results.delete": lambda: operations.results.delete(TaskResult.objects.all()),
    "quarantine.inspect": lambda: operations.quarantine.inspect(
        _one(QuarantinedMessage)
    ),
    "results.lingering_runs": operations.results.lingering_runs,
    "schedules.make_run": lambda: operations.schedules.make_run(
        _one(PeriodicTask), None
    ),
    "queues.move": lambda: operations.queues.move(MAIL, OTHER),
    "queues.pause": lambda: operations.queues.pause(MAIL),
    "pruning.prune": lambda: list(
        operations.pruning.prune(
            Retention(days=1, failed_days=1, most=9, quarantined_days=1, log_days=1)
        )
    ),
    "queues.purge": lambda: operations.queues.purge(MAIL),
    "quarantine.push": _push_quarantined,
    "nodes.quiet": lambda: operations.nodes.quiet("here"),
    "status.read_status": operations.status.read_status,
    "nodes.resize": lambda: operations.nodes.resize("here", 2),
    "queues.resume": lambda: operations.queues.resume(MAIL),
    "results.retry": lambda: operations.results.retry(TaskResult.objects.failed()),
    "schedules.run_now": lambda: operations.schedules.run_now(_one(PeriodicTask)),
    "schedules.skip_next": lambda: operations.schedules.skip_next(_one(PeriodicTask)),
    "results.start_bulk": _bulk,
    "results.still_running": lambda: operations.results.still_running(
        [_one(TaskResult)]
    ),
    "nodes.stop": lambda: operations.nodes.stop("here"),
    "results.stop_bulk": lambda: operations.results.stop_bulk(_bulk()),
    "results.enqueue": lambda: operations.results.enqueue("tests.tasks.add", [1, 2]),
    "results.enqueue_again": lambda: operations.results.enqueue_again(
        _one(TaskResult), ["a"], {}
    ),
    "schedules.synchronise": operations.schedules.synchronise,
    "schedules.ticks_to_backfill": lambda: operations.schedules.ticks_to_backfill(
        _one(PeriodicTask), timezone.now() - DAY, timezone.now()
    ),
    "schedules.validate": lambda: operations.schedules.validate(_one(PeriodicTask)),
    "results.export": lambda: list(operations.results.export(Selection())),
    "results.read_failures": operations.results.read_failures,
    "results.read_progress": lambda: operations.results.read_progress(
        _one(TaskResult).pk
    ),
    "results.decide": lambda: operations.results.decide(
        TaskResult.objects.all(), successful=True
    ),
    "results.stalled_runs": operations.results.stalled_runs,
    "tasks.options_of": lambda: operations.tasks.options_of(tasks.add),
    "metrics.read_metrics": operations.metrics.read_metrics,
    "metrics.read_by_queue": operations.metrics.read_by_queue,
    "nodes.find_node": lambda: operations.nodes.find_node("here"),
    "queues.synchronise_state": lambda: operations.queues.synchronise_state(MAIL.state),
    "queues.synchronise_states": lambda: operations.queues.synchronise_states(
        _config()
    ),
    "status.read_depths": lambda: operations.status.read_depths(_config(), []),
}


def test_the_tests_call_every_operation():
    functions = {
        f"{noun}.{name}"
        for noun in operations.__all__
        for name, value in vars(getattr(operations, noun)).items()
        if inspect.isfunction(value)
        and value.__module__.startswith(f"taskhub.operations.{noun}")
        and not name.startswith("_")
    }
    assert functions <= CALLS.keys()


def test_operations_use_only_the_database_for_writing(reads_replica):
    for call in CALLS.values():
        tasks.send.enqueue("a@example.com")
        TaskResultFactory(failed=True, task_path="tests.tasks.send")
        PeriodicTaskFactory()
        Node.objects.using(DEFAULT_DB_ALIAS).all().delete()
        NodeFactory(name="here")
        QuarantinedMessageFactory()

        call()


def test_operations_find_rows_that_the_replica_does_not_have_yet(reads_replica):
    tasks.send.enqueue("a@example.com")
    TaskResultFactory(failed=True)

    assert operations.results.cancel(_waiting()).waiting == 1
    assert operations.results.retry(TaskResult.objects.failed()) == 1
    assert operations.results.delete(TaskResult.objects.all()).deleted == 2


@pytest.mark.parametrize(
    "command",
    [
        ["taskprune"],
        ["taskschedules"],
        ["taskstatus"],
        ["taskbeat", "--check"],
        ["taskworker", "--check"],
        ["taskcontrol", "queue", "pause", "mail"],
        ["taskcontrol", "queue", "purge", "mail", "--no-input"],
        ["taskcontrol", "node", "quiet", "here"],
    ],
    ids=" ".join,
)
def test_commands_use_only_the_database_for_writing(reads_replica, command):
    NodeFactory(name="here")
    tasks.send.enqueue("a@example.com")

    # taskstatus exits with a code for the state that it has found.
    with suppress(SystemExit):
        call_command(*command)
