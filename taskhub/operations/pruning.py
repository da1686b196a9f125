"""
Prune finished results, quarantined messages and logs that have expired.

The stewards of nodes run this (see steward/chores.py), and `manage.py taskprune`.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from taskhub.conf import Config, configs
from taskhub.models import (
    QuarantinedMessage,
    Status,
    TaskLog,
    TaskResult,
    TaskResultQuerySet,
)
from taskhub.models.ids import first_id_at
from taskhub.models.results.statuses import UNFINISHED_STATUSES
from taskhub.operations.results.deletion import (
    delete_results,
    is_referred_to,
    protecting_relations,
    relation_label,
)

MAX_BATCH_ROWS = 1_000
#: A pause between two batches, so that other transactions can work on the table.
_PAUSE_SECONDS = 0.02
_MAX_COUNTED_ROWS = 10_000

_FAILED = (Status.FAILED,)
_NOT_FAILED = (Status.SUCCESSFUL, Status.CANCELLED)


@dataclass(frozen=True)
class Retention:
    """How long finished results are kept; None means for ever."""

    #: For successful and cancelled results.
    days: float | None = None
    failed_days: float | None = None
    #: The maximum number of finished results.
    most: int | None = None
    #: The backend of the results; None means all backends.
    backend: str | None = None
    #: For quarantined messages of all backends.
    quarantined_days: float | None = None
    #: For logs of all backends, also the logs of results without a row.
    log_days: float | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """
        Return the retention by the settings of a backend.

        Quarantined messages and logs are kept for the longest time of all backends.
        """
        own = config.options
        all_options = [own, *(each.options for each in configs())]
        quarantined_days = _longest(each.keep_failed_days for each in all_options)
        return cls(
            own.keep_days,
            own.keep_failed_days,
            own.keep_most,
            config.alias,
            quarantined_days,
            _longest([quarantined_days, *(each.keep_days for each in all_options)]),
        )


def _longest(days: Iterable[float | None]) -> float | None:
    """Return the longest time; None, for ever, if one of the times is None."""
    known = list(days)
    return None if None in known else max(each for each in known if each is not None)


def prune(retention: Retention, *, dry_run: bool = False) -> Iterator[int]:
    """
    Delete expired rows in batches; yield the number of deleted rows of each batch.

    Memory use is constant. Unfinished results, and results of other backends, are never
    deleted. With `dry_run`, only count the rows.
    """
    now = timezone.now()
    for rows in _expired(retention, now, distinct=dry_run):
        yield from _delete(rows, dry_run=dry_run)
    if retention.quarantined_days is not None:
        cutoff = first_id_at(now - timedelta(days=retention.quarantined_days))
        old_messages = QuarantinedMessage.writing.filter(id__lt=cutoff)
        yield old_messages.count() if dry_run else old_messages.delete()[0]
    if retention.log_days is not None and not dry_run:
        # Logs of results whose rows were deleted when they finished.
        cutoff = first_id_at(now - timedelta(days=retention.log_days))
        TaskLog.writing.filter(id__lt=cutoff).delete()


def describe_kept(retention: Retention) -> str:
    """
    Describe how many expired results are kept because rows of the site refer to them.

    Return "" if there are none. Make no query if no foreign key protects results.
    """
    relations = protecting_relations()
    if not relations:
        return ""
    count = sum(
        rows.filter(is_referred_to(relations))[:_MAX_COUNTED_ROWS].count()
        for rows in _expired(retention, timezone.now(), distinct=True)
    )
    if not count:
        return ""
    number = f"{count:,} results" if count > 1 else "1 result"
    if count >= _MAX_COUNTED_ROWS:
        number = f"At least {number}"
    return (
        f"{number} cannot be pruned, because rows of the site refer to them: "
        f"{', '.join(map(relation_label, relations))}."
    )


def _expired(
    retention: Retention, now: datetime, *, distinct: bool
) -> Iterator[TaskResultQuerySet]:
    """
    Yield the expired results, one queryset for each rule.

    Without `distinct`, delete the rows of each queryset before the next one is taken.
    """
    own = TaskResult.writing.all()
    if retention.backend is not None:
        own = own.filter(backend=retention.backend)
    rest = own.exclude(status__in=UNFINISHED_STATUSES)
    rules = ((_NOT_FAILED, retention.days), (_FAILED, retention.failed_days))
    for statuses, days in rules:
        if days is not None:
            old = _finished_before(now - timedelta(days=days)) & Q(status__in=statuses)
            yield own.filter(old)
            if distinct:
                rest = rest.exclude(old)
    if retention.most is not None:
        yield _all_but_newest(retention.most, rest)


def _finished_before(cutoff: datetime) -> Q:
    # The condition on the id uses the primary key. A result that was delayed for long
    # has an old id, but finished recently, so both conditions are needed.
    return Q(id__lt=first_id_at(cutoff), finished_at__lt=cutoff)


def _all_but_newest(limit: int, finished: TaskResultQuerySet) -> TaskResultQuerySet:
    newest_first = finished.order_by("-id").values_list("id", flat=True)
    boundary = newest_first[limit : limit + 1].first()
    return finished.none() if boundary is None else finished.filter(id__lte=boundary)


def _delete(rows: TaskResultQuerySet, *, dry_run: bool) -> Iterator[int]:
    last: UUID | None = None
    if relations := protecting_relations():
        # Do not attempt to delete the protected results in each run.
        rows = rows.exclude(is_referred_to(relations))
    while True:
        # Start after the last batch, which may contain kept results.
        rest = rows.filter(id__gt=last) if last else rows
        pks = list(rest.order_by("id").values_list("id", flat=True)[:MAX_BATCH_ROWS])
        if not pks:
            return
        last = pks[-1]
        if dry_run:
            yield len(pks)
            continue
        deleted = delete_results(pks).deleted
        time.sleep(_PAUSE_SECONDS)
        yield deleted
