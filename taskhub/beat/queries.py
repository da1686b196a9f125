"""The queries of a beat: which rows are due, and which have no plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Case, When

from taskhub.beat.ignored import Ignored
from taskhub.models import PeriodicTask
from taskhub.models.clock import DatabaseNow

#: A change by SQL is seen within this time.
MAX_PAUSE_SECONDS = 1.0
MAX_DUE_ROWS = 500
#: Planning many edited rows must not make a tick late.
MAX_ROWS_TO_PLAN = 200


@dataclass(frozen=True)
class FoundRows:
    """The keys of rows, the most urgent first, and the database's time."""

    pks: Sequence[int]
    now: datetime
    #: Seconds until a row may be due, if none is due now.
    wait: float = MAX_PAUSE_SECONDS


NO_ROWS = FoundRows((), datetime.min.replace(tzinfo=UTC))


def find_due(ignored: Ignored) -> FoundRows:
    """Return the rows that are due. Run one query, on an index."""
    soon = DatabaseNow() + timedelta(seconds=MAX_PAUSE_SECONDS)
    found = list(
        ignored.without(PeriodicTask.writing.with_plan())
        .filter(look_at__lte=soon)
        # `later_at` is None for a due row: Python may be unable to represent its time.
        .annotate(
            now=DatabaseNow(),
            later_at=Case(When(look_at__gt=DatabaseNow(), then="look_at")),
        )
        .values_list("pk", "later_at", "now")[:MAX_DUE_ROWS]
    )
    if not found:
        return NO_ROWS
    _pk, first, now = found[0]
    due = [pk for pk, later_at, _now in found if later_at is None]
    wait = MAX_PAUSE_SECONDS if first is None else (first - now).total_seconds()
    return FoundRows(due, now, min(wait, MAX_PAUSE_SECONDS))


def find_unplanned(ignored: Ignored) -> FoundRows:
    """Return rows without a plan. Run one query, on an index."""
    rows = ignored.without(PeriodicTask.writing.without_plan())
    found = list(rows.values_list("pk", DatabaseNow())[:MAX_ROWS_TO_PLAN])
    return FoundRows([pk for pk, _now in found], found[0][1]) if found else NO_ROWS
