"""Cancel, retry and delete results, and decide about results on hold."""

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
from taskhub.models.results.statuses import IN_LINE_STATUSES
from taskhub.operations.results.deletion import delete_results
from taskhub.operations.results.lingering import cancelled_and_running
from taskhub.operations.results.rates import check_rate
from taskhub.signals import task_cancelled
from taskhub.tasks import Result
from taskhub.tasks.finished_signal import task_of, tell_cancelled, tell_finished

logger = logging.getLogger(__name__)

MAX_BATCH_ROWS = 500


@dataclass(frozen=True)
class Deleted:
    """How many results were deleted, and how many were not."""

    #: All deleted results, among them those counted by `cancelled` and `running`.
    deleted: int = 0
    #: Deleted results that were waiting; they will not run.
    cancelled: int = 0
    #: Deleted results that are still running; their outcomes will not be recorded.
    running: int = 0
    #: Results that were not deleted because rows of the site refer to them.
    kept: int = 0
    #: Why results were kept.
    reason: str = ""

    def __add__(self, other: "Deleted") -> "Deleted":
        return Deleted(
            self.deleted + other.deleted,
            self.cancelled + other.cancelled,
            self.running + other.running,
            self.kept + other.kept,
            other.reason or self.reason,
        )


@dataclass(frozen=True)
class Cancelled:
    """How many results were cancelled."""

    #: Results that were waiting; they will not run.
    waiting: int = 0
    #: Results whose tasks are still running, among them results that were cancelled
    #: before and are now ended by force; their outcomes will not be recorded.
    running: int = 0

    def __add__(self, other: "Cancelled") -> "Cancelled":
        return Cancelled(self.waiting + other.waiting, self.running + other.running)


def delete(results: TaskResultQuerySet) -> Deleted:
    """
    Delete results; remove the messages of waiting results from the broker first.

    Running tasks are not stopped. A result is kept if a foreign key of the site
    protects it. Block for a few statements for every 500 results. Raise BrokerError if
    a broker cannot be reached; the remaining results are kept.
    """
    total = Deleted()
    for pks in batches(results):
        rows = TaskResult.writing.filter(pk__in=pks)
        removed = _remove_messages(rows)
        running = rows.filter(status=Status.RUNNING).exclude(pk__in=removed).count()
        deletion = delete_results(pks)
        total += Deleted(
            deletion.deleted, len(removed), running, len(deletion.kept), deletion.reason
        )
    return total


def cancel(
    results: TaskResultQuerySet,
    *,
    reason: str = "It was cancelled.",
    by_force: bool = False,
    bulk_action: UUID | None = None,
) -> Cancelled:
    """
    Cancel unfinished results. Waiting results will not run.

    Within two seconds, running tasks are asked to end; their outcomes are refused.
    `by_force` replaces the processes that run them, also for results that were
    cancelled earlier. `bulk_action` is stored in the rows. Block for a few statements
    for every 500 results. Raise BrokerError if a broker cannot be reached; its waiting
    results stay READY.
    """
    cancelled = Cancelled()
    if by_force:
        # Read these before the loop writes `by_force` for the results that it cancels.
        lingering = cancelled_and_running(results)
        forced = writer.write_forced(lingering, reason, bulk_action=bulk_action)
        cancelled += Cancelled(running=len(forced))
    for pks in batches(results.unfinished()):
        rows = TaskResult.writing.filter(pk__in=pks)
        waiting = _remove_messages(rows) | set(rows.on_hold().ids())
        written = writer.write_cancelled(
            pks, reason, by_force=by_force, bulk_action=bulk_action
        )
        _send_signals(written, reason)
        cancelled += Cancelled(len(written & waiting), len(written - waiting))
    return cancelled


def _send_signals(pks: Collection[UUID], reason: str) -> None:
    """Send `task_finished` and `task_cancelled`, if the site has receivers."""
    # Django has one receiver of its own, which writes logs.
    is_heard = len(compat.task_finished.receivers) > 1 or task_cancelled.receivers
    if not pks or not is_heard:
        return
    for result in _results_of(pks):
        tell_finished(result.backend, result, expected=reason)
        tell_cancelled(result.backend, result, reason)


def _results_of(pks: Collection[UUID]) -> Iterator[Result[Any]]:
    """Yield the results that receivers get, except for those of unknown backends."""
    for row in TaskResult.writing.filter(pk__in=pks):
        if row.backend in compat.task_backends.settings:
            yield Result.from_row(task_of(row.task_path, row), row)


def decide(results: TaskResultQuerySet, *, successful: bool, reason: str = "") -> int:
    """
    Finish results that are on hold as SUCCESSFUL or FAILED; return how many.

    The caller has found out whether their tasks did their work. `reason` is appended to
    the message of the last error. A successful result has no return value. To run a
    task again, use retry(); to give it up, cancel(). Block for a few statements for
    every 500 results.
    """
    count = 0
    text = reason or f"Marked as {'successful' if successful else 'failed'}."
    for pks in batches(results.on_hold()):
        written = writer.write_decided(pks, text, successful=successful)
        for result in _results_of(written):
            tell_finished(result.backend, result, expected=text)
        count += len(written)
    return count


def retry(results: TaskResultQuerySet, *, per_second: float | None = None) -> int:
    """
    Retry results that are finished or on hold; return how many will be retried.

    Each keeps its id, its attempts and its errors, and gets the full number of its
    task's attempts again. `per_second` spreads the retries over time, so that a service
    that has just recovered is not overloaded. Block for a few statements for every 500
    results. Raise InvalidOption if `per_second` is not from 0.001 to 1,000,000.
    """
    check_rate(per_second)
    count = 0
    now = timezone.now()
    for pks in batches(results.exclude(status__in=IN_LINE_STATUSES)):
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
    """Retry results at their due times; None means at once. See retry()."""
    rows = writer.write_retried(due_times, bulk_action=bulk_action)
    push_rows(rows)
    return len(rows)


def push_rows(rows: Iterable[TaskResult]) -> None:
    """Push the messages of rows. If a broker is away, the sweep pushes them later."""
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
            logger.error("Not pushed yet: %d rows. %s", len(group), error)


def batches(results: TaskResultQuerySet) -> Iterator[list[UUID]]:
    """Yield ids in order, 500 at a time, also of results that are enqueued later."""
    last: UUID | None = None
    # The site's own reads may go to a replica.
    in_order = results.using(results_database()).order_by("pk")
    while True:
        rest = in_order.filter(pk__gt=last) if last else in_order
        pks = list(rest.values_list("pk", flat=True)[:MAX_BATCH_ROWS])
        if not pks:
            return
        yield pks
        last = pks[-1]


def _remove_messages(rows: TaskResultQuerySet) -> set[UUID]:
    """Remove waiting messages from their brokers; return the ids of these messages."""
    by_queue: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    columns = rows.in_line().values_list("pk", "backend", "queue_name")
    for pk, backend, queue_name in columns:
        by_queue[backend, queue_name].append(pk)
    removed: set[UUID] = set()
    for (backend, queue_name), pks in by_queue.items():
        if config := find_config(backend):
            removed |= get_broker(config).cancel(queue_name, pks)
    return removed
