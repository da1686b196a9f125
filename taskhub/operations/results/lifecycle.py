"""What operators do to results."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from taskhub import outbox, writer
from taskhub.brokers import get_broker
from taskhub.compat import django_tasks as compat
from taskhub.conf import find_config
from taskhub.exceptions import BrokerError
from taskhub.models import Status, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database
from taskhub.operations.results.deletion import delete_results
from taskhub.operations.results.lingering import cancelled_and_running
from taskhub.operations.results.rates import check_rate
from taskhub.tasks import Result
from taskhub.tasks.finished_signal import task_of, tell_finished

logger = logging.getLogger(__name__)

#: How many results are dealt with in one go.
_BATCH = 500


@dataclass(frozen=True)
class Forgotten:
    """What became of results that were to be forgotten."""

    deleted: int = 0
    #: Of those, how many were waiting, and are never run.
    cancelled: int = 0
    #: Of those, how many are being run now; what comes of it is not recorded.
    running: int = 0
    #: How many could not be deleted, since rows of the site refer to them, and why.
    kept: int = 0
    reason: str = ""

    def __add__(self, other: "Forgotten") -> "Forgotten":
        return Forgotten(
            self.deleted + other.deleted,
            self.cancelled + other.cancelled,
            self.running + other.running,
            self.kept + other.kept,
            other.reason or self.reason,
        )


@dataclass(frozen=True)
class Cancelled:
    """What became of results that were to be cancelled."""

    #: How many were waiting, and are never run.
    waiting: int = 0
    #: How many were being run, or still were after an earlier cancellation; what comes
    #: of it is not recorded.
    running: int = 0

    def __add__(self, other: "Cancelled") -> "Cancelled":
        return Cancelled(self.waiting + other.waiting, self.running + other.running)


def forget(results: TaskResultQuerySet) -> Forgotten:
    """
    Delete results; those that wait are taken out of the broker first, and never run.

    A running task is not stopped by this. A result to which a row of the site refers,
    by a foreign key that protects it, is kept. Blocks for a few statements for every
    500.

    Raise BrokerError if a broker cannot be reached; what is waiting there is left.
    """
    # Not from where the site reads, which may be a replica.
    results = results.using(results_database())
    forgotten = Forgotten()
    for pks in batches(results):
        rows = _with_pks(pks)
        taken = _take_out(rows)
        running = rows.filter(status=Status.RUNNING).exclude(pk__in=taken).count()
        deletion = delete_results(pks)
        forgotten += Forgotten(
            deletion.deleted, len(taken), running, len(deletion.kept), deletion.reason
        )
    return forgotten


def cancel(
    results: TaskResultQuerySet,
    *,
    reason: str = "It was cancelled.",
    by_force: bool = False,
    bulk_action: UUID | None = None,
) -> Cancelled:
    """
    Cancel unfinished results: those that wait are never run.

    Those that are being run are CANCELLED, too: whatever comes of them is refused, and
    they are asked to end within two seconds. `by_force` also replaces the process that
    runs them, and that of those which were cancelled before and still run.
    `bulk_action` is noted in the rows. Blocks for a few statements for every 500.

    Raise BrokerError if a broker cannot be reached; what is waiting there is left.
    """
    cancelled = Cancelled()
    if by_force:
        # First: those that are cancelled now are written as forced below.
        lingering = cancelled_and_running(results)
        forced = writer.write_forced(lingering, reason, bulk_action=bulk_action)
        cancelled += Cancelled(running=len(forced))
    for pks in batches(results.unfinished()):
        waiting = _take_out(_with_pks(pks))
        written = writer.write_cancelled(
            pks, reason, by_force=by_force, bulk_action=bulk_action
        )
        _tell_cancelled(results, written)
        cancelled += Cancelled(len(written & waiting), len(written - waiting))
    return cancelled


def _tell_cancelled(results: TaskResultQuerySet, pks: Collection[UUID]) -> None:
    """Send Django's signal for each, if anybody but Django itself listens."""
    if not pks or len(compat.task_finished.receivers) <= 1:
        return
    for row in TaskResult.writing.filter(pk__in=pks):
        if row.backend in compat.task_backends.settings:
            result: Result[Any] = Result.from_row(task_of(row.task_path, row), row)
            tell_finished(row.backend, result, is_meant=True)


def retry(results: TaskResultQuerySet, *, per_second: float | None = None) -> int:
    """
    Have finished results tried again; return how many will be.

    Each goes on where it ended: with its id, its attempts and its errors, and with all
    of its task's attempts anew. With `per_second`, they are spread over time, so that
    what has just recovered is not overrun. Those that are unfinished are left alone.
    Blocks for a few statements for every 500.

    Raise InvalidOption if `per_second` is not from 0.001 to 1,000,000.
    """
    check_rate(per_second)
    count = 0
    now = timezone.now()
    for pks in batches(results.finished()):
        due_times = [
            now + timedelta(seconds=(count + index) / per_second)
            if per_second
            else None
            for index in range(len(pks))
        ]
        count += retry_at(dict(zip(pks, due_times, strict=True)))
    return count


def retry_at(
    due_times: Mapping[UUID, datetime | None], *, bulk_action: UUID | None = None
) -> int:
    """
    Have finished results tried again, each when it says; see retry().

    `bulk_action` is noted in the rows.
    """
    rows = writer.write_retried(due_times, bulk_action=bulk_action)
    push_or_leave(rows)
    return len(rows)


def push_or_leave(rows: Iterable[TaskResult]) -> None:
    """Push rows that their brokers do not have; while one is away, the sweep will."""
    by_backend: dict[str, list[TaskResult]] = defaultdict(list)
    for row in rows:
        by_backend[row.backend].append(row)
    for alias, group in by_backend.items():
        config = find_config(alias)
        if config is None:
            continue
        try:
            outbox.push_again(config, group)
        except BrokerError as error:
            # The rows say so: they are pushed when the broker is back.
            logger.error("Not pushed yet: %d rows. %s", len(group), error)


def batches(results: TaskResultQuerySet) -> Iterator[list[UUID]]:
    """Yield the ids of results in their order, 500 at a time; what comes late, too."""
    last: UUID | None = None
    in_order = results.using(results_database()).order_by("pk")
    while True:
        rest = in_order.filter(pk__gt=last) if last else in_order
        pks = list(rest.values_list("pk", flat=True)[:_BATCH])
        if not pks:
            return
        yield pks
        last = pks[-1]


def _with_pks(pks: list[UUID]) -> TaskResultQuerySet:
    return TaskResult.writing.filter(pk__in=pks)


def _take_out(rows: TaskResultQuerySet) -> set[UUID]:
    """Take what waits out of its broker; return the ids of what was."""
    waiting: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for pk, backend, queue_name in rows.unfinished().values_list(
        "pk", "backend", "queue_name"
    ):
        waiting[backend, queue_name].append(pk)
    return {
        pk
        for (backend, queue_name), unfinished in waiting.items()
        for pk in _cancel_messages(backend, queue_name, unfinished)
    }


def _cancel_messages(alias: str, queue_name: str, pks: list[UUID]) -> set[UUID]:
    config = find_config(alias)
    return get_broker(config).cancel(queue_name, pks) if config else set()
