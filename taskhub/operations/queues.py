"""
What operators do to queues: pause, resume, drain, move, purge.

Whether a queue is paused is in its row, and nowhere else for good: brokers are told,
and told again by the steward if they have forgotten.
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
from taskhub.models import QueueState, Status, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database
from taskhub.operations.results.lifecycle import batches, cancel, push_or_leave

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
        """Its results, whatever has become of them."""
        return TaskResult.writing.in_queue(self.name).filter(backend=self.backend)

    @property
    def waiting(self) -> TaskResultQuerySet:
        """Those of its results that wait, for a worker or for their time."""
        return self.results.ready()

    @property
    def state(self) -> QueueState:
        """Whether it is paused, and why; of one that never was, a new row."""
        found = QueueState.writing.filter(
            backend=self.backend, queue_name=self.name
        ).first()
        return found or QueueState(backend=self.backend, queue_name=self.name)


def pause(queue: Queue, *, by: str = "", reason: str = "") -> None:
    """
    Hand nothing out of a queue any more; what runs goes on, what comes in waits.

    If the broker is away now, it is told when it is back.
    """
    _change(queue, paused=True, drains=False, by=by, reason=reason)


def drain(queue: Queue, *, by: str = "", reason: str = "") -> None:
    """Pause a queue as soon as nothing that is due waits in it, and nothing runs."""
    _change(queue, paused=False, drains=True, by=by, reason=reason)
    keep_state(queue.state)


def resume(queue: Queue, *, by: str = "") -> None:
    """Hand messages out again."""
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

    def tell() -> None:
        try:
            broker.pause(queue.name, paused=paused)
        except BrokerError as error:
            logger.error("%s It is told of queue %s later.", error, queue.name)

    # Not before others can see it: a broker in the database looks at the row.
    transaction.on_commit(tell, using=results_database())


def keep_states(config: Config) -> None:
    """
    Pause what was drained, and tell the broker of what it has forgotten.

    For the steward. Raise BrokerError if the broker is away.
    """
    damage = get_broker(config).damage
    for state in QueueState.writing.filter(backend=config.alias):
        with damage.tolerated(state.queue_name, "keep"):
            keep_state(state)


def keep_state(state: QueueState) -> None:
    """The same of one queue."""
    try:
        queue = Queue(state.queue_name, state.backend)
    except UnknownQueue:
        # It is gone from the settings.
        return
    broker = get_broker(queue.config)
    if state.drains and broker.is_idle(state.queue_name):
        by, reason = state.changed_by, state.reason
        _change(queue, paused=True, drains=False, by=by, reason=reason)
    elif broker.is_paused(state.queue_name) != state.is_paused:
        broker.pause(state.queue_name, paused=state.is_paused)


def move(queue: Queue, target: Queue, *, task_path: str | None = None) -> int:
    """
    Move what waits in a queue to another one; return how many results were.

    Of one task, or of all. What runs already ends where it is. Each goes out of its
    broker first and then to the other one, so that it is in one of them at the most;
    should this process die in between, the sweep pushes what is in neither. Blocks for
    some statements for every 500.

    Raise BrokerError if the first broker is away; what is not moved yet is left.
    """
    waiting = queue.waiting
    if task_path is not None:
        waiting = waiting.for_task(task_path)
    return sum(_move(pks, queue, target) for pks in batches(waiting))


def _move(pks: list[UUID], queue: Queue, target: Queue) -> int:
    taken = get_broker(queue.config).cancel(queue.name, pks)
    alias = results_database()
    with transaction.atomic(using=alias):
        rows = queue.waiting.filter(pk__in=taken).order_by("pk").select_for_update()
        moved = list(rows)
        for row in moved:
            row.queue_name, row.backend = target.name, target.backend
        TaskResult.objects.using(alias).bulk_update(moved, ["queue_name", "backend"])
    push_or_leave(moved)
    return len(moved)


def purge(queue: Queue, *, by: str = "") -> int:
    """
    Cancel all that waits in a queue; return how many results were.

    What runs already is not. Blocks for some statements for every 500.

    Raise BrokerError if the broker is away; what is not cancelled yet is left.
    """
    whom = f" by {by}" if by else ""
    reason = f"The queue {queue.name} was purged{whom}."
    return cancel(queue.waiting.filter(status=Status.READY), reason=reason).waiting
