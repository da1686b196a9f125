"""Moving messages from one place to another, while other processes do the same."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from taskhub.db import again_after_deadlock
from taskhub.models import Place, TaskResult, TaskResultQuerySet
from taskhub.models.base import results_database

#: How many ids one statement names. SQLite takes 999 variables by default.
MAX_BATCH_IDS = 500


def batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield items in batches that one statement can name."""
    for start in range(0, len(items), MAX_BATCH_IDS):
        yield items[start : start + MAX_BATCH_IDS]


@again_after_deadlock(results_database)
def take(
    rows: TaskResultQuerySet, ready: TaskResultQuerySet, limit: int, token: str
) -> list[TaskResult]:
    """
    Let a token hold up to `limit` of the `ready` messages; return their rows.

    Take higher priorities first, then older messages. `rows` are the backend's rows.
    """
    alias = results_database()
    best = ready.order_by("-priority", "id")
    if connections[alias].features.has_select_for_update_skip_locked:
        with transaction.atomic(using=alias):
            taken = list(best.select_for_update(skip_locked=True)[:limit])
            _hold(rows, [row.pk for row in taken], token)
        return taken
    candidates = list(best.values_list("pk", flat=True)[:limit])
    _hold(rows, candidates, token)
    mine = rows.filter(pk__in=candidates, place=Place.HELD, held_by=token)
    return list(mine.order_by("-priority", "id")) if candidates else []


def _hold(rows: TaskResultQuerySet, pks: Sequence[UUID], token: str) -> None:
    # Compare the place again: without row locks, another process may have been faster.
    for batch in batches(pks):
        rows.filter(pk__in=batch, place=Place.READY).update(
            place=Place.HELD, held_by=token
        )


@again_after_deadlock(results_database)
def take_out(
    rows: TaskResultQuerySet, pks: Sequence[UUID | str], **origin: Any
) -> list[UUID]:
    """Move the messages that match `origin` to no place; return their ids."""
    with transaction.atomic(using=results_database()):
        rows = rows.filter(pk__in=pks, **origin)
        found = rows.select_for_update().ids()
        rows.filter(pk__in=found).update(place=Place.NOWHERE, held_by="")
    return found
