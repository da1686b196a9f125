"""Rows and values for tests."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import factory
from uuid_utils.compat import uuid7

from taskhub.conf import Config
from taskhub.messages import Envelope, Message
from taskhub.models import Node as NodeRow
from taskhub.models import (
    PeriodicTask,
    QuarantinedMessage,
    Status,
    TaskMetrics,
    TaskResult,
)
from taskhub.schedules import cron, every, once, solar
from taskhub.worker.node_options import NodeOptions


def now() -> datetime:
    """Return the current time in UTC, as rows store it."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Return a new id."""
    return uuid7()


class TaskResultFactory(factory.django.DjangoModelFactory):
    """A result that waits to run; traits give it a later state."""

    class Meta:
        model = TaskResult

    id = factory.LazyFunction(new_id)
    task_path = "tests.tasks.add"
    queue_name = "default"
    backend = "default"
    args = factory.LazyFunction(lambda: [1, 2])
    enqueued_at = factory.LazyFunction(now)

    class Params:
        running = factory.Trait(
            status=Status.RUNNING,
            attempts=1,
            worker_ids=factory.LazyFunction(lambda: ["worker-1"]),
            started_at=factory.SelfAttribute("enqueued_at"),
            last_attempted_at=factory.SelfAttribute("enqueued_at"),
        )
        finished = factory.Trait(
            attempts=1,
            worker_ids=factory.LazyFunction(lambda: ["worker-1"]),
            started_at=factory.LazyAttribute(
                lambda row: row.enqueued_at + timedelta(seconds=1)
            ),
            last_attempted_at=factory.SelfAttribute("started_at"),
            finished_at=factory.LazyAttribute(
                lambda row: row.started_at + timedelta(seconds=2)
            ),
        )
        successful = factory.Trait(
            finished=True, status=Status.SUCCESSFUL, return_value=3
        )
        failed = factory.Trait(
            finished=True,
            status=Status.FAILED,
            # A new list for each row: tests may append to it.
            errors=factory.LazyFunction(
                lambda: [
                    {
                        "attempt": 1,
                        "failed_at": "2026-01-01T00:00:00+00:00",
                        "exception_class_path": "builtins.ValueError",
                        "message": "no such user",
                        "traceback": "Traceback …\nValueError: no such user\n",
                    }
                ]
            ),
        )


class PeriodicTaskFactory(factory.django.DjangoModelFactory):
    """
    A periodic task that fires every hour and is not due; traits change that.

    `planned` sets the time of the next run. `runs` creates results: it has one trait
    for each result, the newest last, for example `runs=["successful"]`.
    """

    class Meta:
        model = PeriodicTask
        skip_postgeneration_save = True

    name = factory.Sequence("Schedule {}".format)
    task_path = "tests.tasks.add"
    args = factory.LazyFunction(lambda: [1, 2])
    schedule = every(hours=1)
    # Half way between two ticks.
    created_at = factory.LazyFunction(lambda: now() - timedelta(minutes=30))

    class Params:
        nightly = factory.Trait(schedule=cron("0 3 * * *", tz="Europe/Berlin"))
        clocked = factory.Trait(
            schedule=factory.LazyFunction(lambda: once(now() + timedelta(days=1)))
        )
        solar = factory.Trait(
            schedule=solar("sunset", latitude=52.52, longitude=13.405)
        )
        disabled = factory.Trait(enabled=False)
        disabled_itself = factory.Trait(
            enabled=False, disabled_reason="Its last 3 runs in a row have failed."
        )

    @classmethod
    def _create(cls, model, *args, planned=None, **kwargs):
        row = super()._create(model, *args, **kwargs)
        if planned is not None:
            model.objects.filter(pk=row.pk).update(next_run_at=planned)
            row.refresh_from_db()
        return row

    @factory.post_generation
    def runs(row, create, traits, **options):
        for number, trait in enumerate(traits or ()):
            at = now() - timedelta(minutes=10 * (len(traits) - number))
            options = {} if trait == "ready" else {trait: True}
            result = TaskResultFactory(
                periodic_task=row, tick_at=at, enqueued_at=at, id=new_id(), **options
            )
            row.remember(result.pk, result.enqueued_at)
        if traits:
            row.save()


class MessageFactory(factory.Factory):
    """A message about a run of `tests.tasks.add`."""

    class Meta:
        model = Message

    id = factory.LazyFunction(new_id)
    task_path = "tests.tasks.add"
    args = factory.LazyFunction(lambda: [1, 2])
    kwargs = factory.LazyFunction(dict)
    queue_name = "default"
    priority = 0
    backend = "default"
    enqueued_at = factory.LazyFunction(now)


class EnvelopeFactory(factory.Factory):
    """A message as it is handed to a broker."""

    class Meta:
        model = Envelope

    id = factory.LazyFunction(new_id)
    queue_name = "default"
    priority = 0
    run_after = None
    body = b"body"


class QuarantinedMessageFactory(factory.django.DjangoModelFactory):
    """A quarantined message."""

    class Meta:
        model = QuarantinedMessage

    message_id = factory.LazyFunction(lambda: str(new_id()))
    queue_name = "default"
    reason = "Its signature does not verify."
    body = b"\x01forged"
    worker_id = "worker-1"
    quarantined_at = factory.LazyFunction(now)


class NodeFactory(factory.django.DjangoModelFactory):
    """A node with one worker process that has just sent a heartbeat."""

    class Meta:
        model = NodeRow

    name = factory.Sequence("node-{}".format)
    backend = "default"
    host = "here"
    pid = 1
    queues = factory.LazyFunction(lambda: ["default"])
    processes = 1
    threads = 1
    async_tasks = 100
    version = "1.0"
    workers = factory.LazyAttribute(
        lambda node: [{"token": f"{node.name}:2", "pid": 2, "memory_mib": 30}]
    )
    memory_mib = 60
    started_at = factory.LazyFunction(now)
    last_seen_at = factory.LazyFunction(now)

    class Params:
        silent = factory.Trait(
            last_seen_at=factory.LazyFunction(lambda: now() - timedelta(minutes=1))
        )


def small_node(config: Config, *queues: str) -> NodeOptions:
    """Return the options of a node with one process, one thread and one async task."""
    return NodeOptions(
        config=config,
        queues=queues or ("default",),
        processes=1,
        threads=1,
        async_tasks=1,
        grace_seconds=1,
    )


class TaskMetricsFactory(factory.django.DjangoModelFactory):
    """The metrics of one task in the current minute: one successful run."""

    class Meta:
        model = TaskMetrics

    starts_at = factory.LazyFunction(lambda: now().replace(second=0, microsecond=0))
    seconds = 60
    task_path = "tests.tasks.add"
    queue_name = "default"
    successful = 1
    waits = factory.LazyFunction(lambda: {"3": 1})
    runs = factory.LazyFunction(lambda: {"5": 1})
    run_seconds = 0.5
    longest_run = 0.5
