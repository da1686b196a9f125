"""
What operators do to queues: pause, resume, drain, move and purge them.

A queue's row says whether it is paused. The steward restores brokers' lost copies.
"""

import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from taskhub.brokers import get_broker
from taskhub.compat import django_tasks as compat
from taskhub.conf import Config, find_config, name_fault
from taskhub.exceptions import BrokerError, UnknownQueue
from taskhub.foundation.nearest import did_you_mean
from taskhub.models import QueueState, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database
from taskhub.operations.results.lifecycle import batches, cancel, push_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Queue:
    """A queue of one backend. Raise UnknownQueue if there is no such queue."""

    name: str
    backend: str = compat.DEFAULT_TASK_BACKEND_ALIAS

    def __post_init__(self) -> None:
        known = self.config.queues
        if known and self.name not in known:
            raise UnknownQueue(
                f"The backend {self.backend!r} has no queue {self.name!r}"
                f"{did_you_mean(self.name, known)}"
            )
        if fault := name_fault(self.name):
            raise UnknownQueue(f"{fault}.")

    @property
    def config(self) -> Config:
        """The configuration of its backend."""
        known = list(compat.task_backends.settings)
        if self.backend not in known:
            raise UnknownQueue(
                f"There is no backend {self.backend!r} in TASKS"
                f"{did_you_mean(self.backend, known)}"
            )
        config = find_config(self.backend)
        if config is None:
            raise UnknownQueue(f"The backend {self.backend!r} is not one of taskhub's.")
        return config

    @property
    def results(self) -> TaskResultQuerySet:
        """All results of this queue."""
        return TaskResult.writing.in_queue(self.name).filter(backend=self.backend)

    @property
    def waiting(self) -> TaskResultQuerySet:
        """The results that wait for a worker, or for their `run_after`."""
        return self.results.ready()

    @property
    def state(self) -> QueueState:
        """The row that says whether the queue is paused, or a new, unsaved row."""
        key = {"backend": self.backend, "queue_name": self.name}
        return QueueState.writing.filter(**key).first() or QueueState(**key)


def pause(queue: Queue, *, by: str = "", reason: str = "") -> None:
    """
    Pause a queue: its messages wait, and running tasks continue.

    If the broker is away, the steward pauses the queue there later.
    """
    _change(queue, paused=True, drains=False, by=by, reason=reason)


def drain(queue: Queue, *, by: str = "", reason: str = "") -> None:
    """
    Pause a queue as soon as it has no due messages and no running tasks.

    Raise BrokerError if the broker is away; the steward pauses the queue later.
    """
    _change(queue, paused=False, drains=True, by=by, reason=reason)
    synchronise_state(queue.state)


def resume(queue: Queue, *, by: str = "") -> None:
    """Let workers take messages of a paused or draining queue again."""
    _change(queue, paused=False, drains=False, by=by, reason="")


def _change(queue: Queue, *, paused: bool, drains: bool, by: str, reason: str) -> None:
    QueueState.writing.update_or_create(
        backend=queue.backend,
        queue_name=queue.name,
        defaults={
            "paused_at": timezone.now() if paused else None,
            "drains": drains,
            "changed_by": by,
            "reason": reason,
        },
    )
    broker = get_broker(queue.config)

    def change_broker() -> None:
        try:
            broker.pause(queue.name, paused=paused)
        except BrokerError as error:
            logger.error("%s Queue %s is changed there later.", error, queue.name)

    # The database broker reads the row, so the row must be committed first.
    transaction.on_commit(change_broker, using=results_database())


def synchronise_states(config: Config) -> None:
    """
    Pause each draining queue that is empty now, and restore the states in the broker.

    Skip damaged queues. Raise BrokerError if the broker is away.
    """
    damage = get_broker(config).damage
    for state in QueueState.writing.filter(backend=config.alias):
        with damage.tolerated(state.queue_name, "keep"):
            synchronise_state(state)


def synchronise_state(state: QueueState) -> None:
    """
    Pause a draining queue if it is empty now, or restore its state in the broker.

    Raise BrokerError if the broker is away.
    """
    try:
        queue = Queue(state.queue_name, state.backend)
    except UnknownQueue:
        # The settings do not have this queue any more.
        return
    broker = get_broker(queue.config)
    if state.drains and broker.is_idle(state.queue_name):
        by, reason = state.changed_by, state.reason
        _change(queue, paused=True, drains=False, by=by, reason=reason)
    elif broker.is_paused(state.queue_name) != state.is_paused:
        broker.pause(state.queue_name, paused=state.is_paused)


def move(queue: Queue, target: Queue, *, task_path: str | None = None) -> int:
    """
    Move the waiting results of a queue to another queue; return how many were moved.

    `task_path` limits this to one task. A message is removed from its broker before it
    is pushed to the target, so that it is never in both. If this process dies in
    between, the sweep pushes it. Block for a few statements for every 500 results.
    Raise BrokerError if the broker of `queue` is away; the remaining results stay in
    `queue`.
    """
    waiting = queue.waiting
    if task_path is not None:
        waiting = waiting.for_task(task_path)
    return sum(_move(pks, queue, target) for pks in batches(waiting))


def _move(pks: list[UUID], queue: Queue, target: Queue) -> int:
    removed = get_broker(queue.config).cancel(queue.name, pks)
    with transaction.atomic(using=results_database()):
        rows = queue.waiting.filter(pk__in=removed).order_by("pk").select_for_update()
        moved = list(rows)
        for row in moved:
            row.queue_name, row.backend = target.name, target.backend
        TaskResult.writing.bulk_update(moved, ["queue_name", "backend"])
    push_rows(moved)
    return len(moved)


def purge(queue: Queue, *, by: str = "") -> int:
    """
    Cancel all waiting results of a queue; return how many were cancelled.

    Running tasks continue. Block for a few statements for every 500 results. Raise
    BrokerError if the broker is away; the remaining results still wait.
    """
    reason = f"The queue {queue.name} was purged{f' by {by}' if by else ''}."
    return cancel(queue.waiting, reason=reason).waiting
