"""Pruning: finished results, and quarantined messages, that are not kept any longer."""

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
from taskhub.models.results.task_result import UNFINISHED
from taskhub.operations.results.deletion import (
    delete_results,
    is_referred_to,
    name_of,
    protecting_relations,
)

#: So many rows are deleted at a time, and so long others have the table to themselves.
_BATCH = 1_000
_PAUSE_SECONDS = 0.02
#: How many of those that cannot be deleted are counted.
_MOST_COUNTED = 10_000

_FAILED = (Status.FAILED,)
_OTHERS = (Status.SUCCESSFUL, Status.CANCELLED)


@dataclass(frozen=True)
class Retention:
    """For how long what has finished is kept; None is for ever."""

    days: float | None = None
    failed_days: float | None = None
    #: How many finished results are kept at the most.
    most: int | None = None
    #: Whose results; None is those of all backends.
    backend: str | None = None
    #: Messages in quarantine, and logs of results without a row, are of no backend.
    quarantined_days: float | None = None
    log_days: float | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """What the settings say of a backend, and of what belongs to none."""
        own = config.options
        every = [own, *(each.options for each in configs())]
        quarantined_days = _longest(options.keep_failed_days for options in every)
        return cls(
            own.keep_days,
            own.keep_failed_days,
            own.keep_most,
            config.alias,
            quarantined_days,
            _longest([quarantined_days, *(options.keep_days for options in every)]),
        )


def _longest(days: Iterable[float | None]) -> float | None:
    """Return the longest time; None, for ever, if one is that."""
    found = list(days)
    return None if None in found else max(each for each in found if each is not None)


def prune(retention: Retention, *, dry_run: bool = False) -> Iterator[int]:
    """
    Delete what is not kept any longer, a batch at a time; yield how many each was.

    Memory stays flat, whatever there is to delete. Unfinished results are never
    touched, and neither are other backends'. With `dry_run`, yield how many there
    would be, and delete nothing.
    """
    now = timezone.now()
    for rows in _past(retention, now, are_left=dry_run):
        yield from _delete(rows, dry_run=dry_run)
    if retention.quarantined_days is not None:
        cutoff = first_id_at(now - timedelta(days=retention.quarantined_days))
        old_messages = QuarantinedMessage.writing.filter(id__lt=cutoff)
        yield old_messages.count() if dry_run else old_messages.delete()[0]
    if retention.log_days is not None and not dry_run:
        # Of results that were not kept when they had finished.
        cutoff = first_id_at(now - timedelta(days=retention.log_days))
        TaskLog.writing.filter(id__lt=cutoff).delete()


def describe_kept(retention: Retention) -> str:
    """
    Say how many results are kept for longer, since rows of the site refer to them.

    Return an empty text if there are none. Costs nothing where nothing can refer.
    """
    relations = protecting_relations()
    if not relations:
        return ""
    count = sum(
        rows.filter(is_referred_to(relations))[:_MOST_COUNTED].count()
        for rows in _past(retention, timezone.now(), are_left=True)
    )
    if not count:
        return ""
    number = f"{count:,} results" if count > 1 else "1 result"
    if count >= _MOST_COUNTED:
        number = f"At least {number}"
    return (
        f"{number} past their time cannot be deleted, since rows refer to them: "
        f"{', '.join(map(name_of, relations))}."
    )


def _past(
    retention: Retention, now: datetime, *, are_left: bool
) -> Iterator[TaskResultQuerySet]:
    """
    Yield the results that are past their time, by one rule after the other.

    `are_left` says that none is deleted in between, and each is to be yielded once.
    """
    own = TaskResult.writing.all()
    if retention.backend is not None:
        own = own.filter(backend=retention.backend)
    rest = own.exclude(status__in=UNFINISHED)
    for statuses, days in ((_OTHERS, retention.days), (_FAILED, retention.failed_days)):
        if days is not None:
            old = _finished_before(now - timedelta(days=days)) & Q(status__in=statuses)
            yield own.filter(old)
            if are_left:
                rest = rest.exclude(old)
    if retention.most is not None:
        yield _beyond(retention.most, rest)


def _finished_before(cutoff: datetime) -> Q:
    # By id first, which the primary key serves; what was delayed for long has an old id
    # and a late finish.
    return Q(id__lt=first_id_at(cutoff), finished_at__lt=cutoff)


def _beyond(most: int, finished: TaskResultQuerySet) -> TaskResultQuerySet:
    newest = finished.order_by("-id").values_list("id", flat=True)
    first_too_many = newest[most : most + 1].first()
    if first_too_many is None:
        return finished.none()
    return finished.filter(id__lte=first_too_many)


def _delete(rows: TaskResultQuerySet, *, dry_run: bool) -> Iterator[int]:
    last: UUID | None = None
    if relations := protecting_relations():
        # Not tried again each time, however many there are.
        rows = rows.exclude(is_referred_to(relations))
    while True:
        # From where the last batch ended: what is kept is not looked at again.
        rest = rows.filter(id__gt=last) if last else rows
        pks = list(rest.order_by("id").values_list("id", flat=True)[:_BATCH])
        if not pks:
            return
        last = pks[-1]
        if dry_run:
            yield len(pks)
            continue
        deleted = delete_results(pks).deleted
        time.sleep(_PAUSE_SECONDS)
        yield deleted
