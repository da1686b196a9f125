"""Which of the ticks that are due are run: pure decisions about one row."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from taskhub.models import MissedRuns, Overlap, PeriodicTask

#: A tick that is later than this was missed; up to then, it is only late.
LATE = timedelta(seconds=60)
#: So many ticks of a row are fired at a time; the others at the next look.
_MOST_AT_ONCE = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Due:
    """What is to be fired now, oldest first, and the next run after that."""

    ticks: list[datetime]
    following: datetime | None
    #: The moment that `following` is the first tick after.
    after: datetime


def choose_ticks(row: PeriodicTask, now: datetime) -> Due:
    """
    Decide which ticks of a row, from its planned one up to now, are run.

    Raise InvalidSchedule if its schedule cannot be read.
    """
    first = row.next_run_at
    assert first is not None  # noqa: S101  rows without one are not due
    end = min(now, row.end_at) if row.end_at else now
    if row.missed_runs == MissedRuns.ALL:
        ticks = _all_within_window(row, first, end, now)
    else:
        latest = row.rule.latest_between(first, end) or first
        # What had to wait for an earlier run was not missed.
        may_be_missed = row.missed_runs == MissedRuns.SKIP and not row.postponed_until
        too_late = may_be_missed and now - latest > LATE
        ticks = [] if too_late or latest > end else [latest]
    if row.max_runs is not None:
        ticks = ticks[: max(0, row.max_runs - row.total_run_count)]
    after = ticks[-1] if ticks and row.missed_runs == MissedRuns.ALL else now
    return Due(ticks, row.rule.next_after(after), after)


def _all_within_window(
    row: PeriodicTask, first: datetime, end: datetime, now: datetime
) -> list[datetime]:
    # As far back as there is anything: a window may be longer than the calendar.
    oldest = now - min(row.missed_window, now - _EPOCH)
    # A run that waits for the one before it is fired alone.
    most = _MOST_AT_ONCE if row.overlap == Overlap.ALLOW else 1
    ticks = [first] if oldest <= first <= end else []
    after = max(first, oldest - timedelta(microseconds=1))
    return [*ticks, *islice(row.rule.between(after, end), most)][:most]
