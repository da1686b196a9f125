"""Pruning: finished results, and quarantined messages, that are not kept any longer."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from taskhub.conf import Config
from taskhub.models import (
    QuarantinedMessage,
    Status,
    TaskLog,
    TaskResult,
    TaskResultQuerySet,
)
from taskhub.models.ids import first_id_at
from taskhub.models.results import UNFINISHED, results_database

#: So many rows are deleted at a time, and so long others have the table to themselves.
_BATCH = 1_000
_PAUSE_SECONDS = 0.02

_FAILED = (Status.FAILED,)
_OTHERS = (Status.SUCCESSFUL, Status.CANCELLED)


@dataclass(frozen=True)
class Retention:
    """For how long finished results are kept; None is for ever."""

    days: float | None = None
    failed_days: float | None = None
    #: How many finished results are kept at the most.
    most: int | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """What the settings say."""
        options = config.options
        return cls(options.keep_days, options.keep_failed_days, options.keep_most)


def prune(retention: Retention, *, dry_run: bool = False) -> Iterator[int]:
    """
    Delete what is not kept any longer, a batch at a time; yield how many each was.

    Memory stays flat, whatever there is to delete. Unfinished results are never
    touched. With `dry_run`, yield how many there would be, and delete nothing.
    """
    now = timezone.now()
    for statuses, days in ((_OTHERS, retention.days), (_FAILED, retention.failed_days)):
        if days is not None:
            old = _finished_before(now - timedelta(days=days)).filter(
                status__in=statuses
            )
            yield from _delete(old, dry_run=dry_run)
    if retention.most is not None:
        yield from _delete(_beyond(retention.most), dry_run=dry_run)
    if retention.failed_days is not None and not dry_run:
        cutoff = now - timedelta(days=retention.failed_days)
        quarantined = QuarantinedMessage.objects.using(results_database())
        deleted, _by_model = quarantined.filter(id__lt=first_id_at(cutoff)).delete()
        yield deleted
    if not dry_run and retention.days is not None and retention.failed_days is not None:
        # Of results that were not kept when they had finished.
        cutoff = now - timedelta(days=max(retention.days, retention.failed_days))
        deleted, _by_model = _logs().filter(id__lt=first_id_at(cutoff)).delete()
        yield deleted


def _finished_before(cutoff: datetime) -> TaskResultQuerySet:
    # By id first, which the primary key serves; what was delayed for long has an old id
    # and a late finish.
    return _results().filter(id__lt=first_id_at(cutoff), finished_at__lt=cutoff)


def _beyond(most: int) -> TaskResultQuerySet:
    finished = _results().exclude(status__in=UNFINISHED)
    newest = finished.order_by("-id").values_list("id", flat=True)
    first_too_many = newest[most : most + 1].first()
    if first_too_many is None:
        return finished.none()
    return finished.filter(id__lte=first_too_many)


def _delete(rows: TaskResultQuerySet, *, dry_run: bool) -> Iterator[int]:
    last: UUID | None = None
    while True:
        # From where the last batch ended: what is kept is not looked at again.
        rest = rows.filter(id__gt=last) if last else rows
        pks = list(rest.order_by("id").values_list("id", flat=True)[:_BATCH])
        if not pks:
            return
        if not dry_run:
            _logs().filter(result_id__in=pks).delete()
            _results().filter(pk__in=pks).delete()
            time.sleep(_PAUSE_SECONDS)
        yield len(pks)
        last = pks[-1]


def _logs() -> QuerySet[TaskLog]:
    return TaskLog.objects.using(results_database())


def _results() -> TaskResultQuerySet:
    return TaskResultQuerySet(TaskResult, using=results_database())
