"""What a beat has to look at: what is due, what comes next, and what has no plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Case, When

from taskhub.beat.ignored import Ignored
from taskhub.models import PeriodicTask
from taskhub.models.clock import DatabaseNow

#: A change by SQL is seen within this.
MAX_PAUSE_SECONDS = 1.0
MAX_DUE_ROWS = 500
#: However many rows are edited at once, planning them is to make no tick late.
MAX_ROWS_TO_PLAN = 200


@dataclass(frozen=True)
class FoundRows:
    """The keys of rows, in the order of their urgency, and the database's time."""

    pks: Sequence[int]
    now: datetime
    #: Seconds until there may be something to do, if there is nothing now.
    wait: float = MAX_PAUSE_SECONDS


NO_ROWS = FoundRows((), datetime.min.replace(tzinfo=UTC))


def find_due(ignored: Ignored) -> FoundRows:
    """Return the rows that are due, with one query on the index."""
    soon = DatabaseNow() + timedelta(seconds=MAX_PAUSE_SECONDS)
    upcoming = list(
        ignored.without(PeriodicTask.writing.with_plan())
        .filter(look_at__lte=soon)
        # When what is due has been due is not read: Python may not know such times.
        .annotate(
            now=DatabaseNow(),
            coming=Case(When(look_at__gt=DatabaseNow(), then="look_at")),
        )
        .values_list("pk", "coming", "now")[:MAX_DUE_ROWS]
    )
    if not upcoming:
        return NO_ROWS
    _pk, first, now = upcoming[0]
    due = [pk for pk, coming, _now in upcoming if coming is None]
    wait = MAX_PAUSE_SECONDS if first is None else (first - now).total_seconds()
    return FoundRows(due, now, min(wait, MAX_PAUSE_SECONDS))


def find_unplanned(ignored: Ignored) -> FoundRows:
    """Return rows without a plan, with one query on the index."""
    rows = ignored.without(PeriodicTask.writing.without_plan())
    found = list(rows.values_list("pk", DatabaseNow())[:MAX_ROWS_TO_PLAN])
    return FoundRows([pk for pk, _now in found], found[0][1]) if found else NO_ROWS
