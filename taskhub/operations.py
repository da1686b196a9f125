"""
The one door for operators: what pages, commands and the shell do to results.
"""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from taskhub import compat
from taskhub.brokers import get_broker
from taskhub.models import Status, TaskResultQuerySet

#: How many results are deleted in one go.
_BATCH = 500


@dataclass(frozen=True)
class Forgotten:
    """What became of results that were to be forgotten."""

    deleted: int = 0
    #: Of those, how many were waiting, and are never run.
    cancelled: int = 0
    #: Of those, how many are being run now; what comes of it is not recorded.
    running: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        return Forgotten(
            self.deleted + other.deleted,
            self.cancelled + other.cancelled,
            self.running + other.running,
        )


def forget(results: TaskResultQuerySet) -> Forgotten:
    """
    Delete results; those that wait are taken out of the broker first, and never run.

    A running task is not stopped by this. Blocks for a few statements for every 500.

    Raise BrokerError if a broker cannot be reached; what is waiting there is left.
    """
    forgotten = Forgotten()
    while pks := list(results.order_by("pk").values_list("pk", flat=True)[:_BATCH]):
        forgotten += _forget_batch(results, pks)
    return forgotten


def _forget_batch(results: TaskResultQuerySet, pks: list[UUID]) -> Forgotten:
    rows = TaskResultQuerySet(results.model, using=results.db).filter(pk__in=pks)
    waiting: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for pk, backend, queue_name in rows.unfinished().values_list(
        "pk", "backend", "queue_name"
    ):
        waiting[backend, queue_name].append(pk)
    cancelled = {
        pk
        for (backend, queue_name), unfinished in waiting.items()
        for pk in _cancel(backend, queue_name, unfinished)
    }
    running = rows.filter(status=Status.RUNNING).exclude(pk__in=cancelled).count()
    deleted, _by_model = rows.delete()
    return Forgotten(deleted, len(cancelled), running)


def _cancel(alias: str, queue_name: str, pks: list[UUID]) -> set[UUID]:
    if alias not in compat.task_backends.settings:
        # A backend that is gone has no workers either.
        return set()
    config = getattr(compat.task_backends[alias], "config", None)
    return get_broker(config).cancel(queue_name, pks) if config else set()
