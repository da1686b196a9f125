"""Which of a row's due ticks are run: pure functions."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from taskhub.models import MissedRuns, Overlap, PeriodicTask

#: A tick was missed if it is fired later than this after its time.
LATE = timedelta(seconds=60)
#: How many ticks of a row one batch fires.
_MAX_TICKS = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Due:
    """The ticks to fire now, oldest first, and the next run after them."""

    ticks: list[datetime]
    following: datetime | None
    #: `following` is the first tick after this time.
    after: datetime


def choose_ticks(row: PeriodicTask, now: datetime) -> Due:
    """
    Return which ticks of a row, from the planned one up to now, are run.

    Raise InvalidSchedule if its schedule cannot be read.
    """
    first = row.next_run_at
    assert first is not None  # noqa: S101  rows without one are not due
    end = min(now, row.end_at) if row.end_at else now
    if row.missed_runs == MissedRuns.ALL:
        ticks = _all_within_window(row, first, end, now)
    else:
        latest = row.rule.latest_between(first, end) or first
        # A tick that waited for an earlier run was not missed.
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
    # A window may begin before the first time that a datetime can represent.
    oldest = now - min(row.missed_window, now - _EPOCH)
    # Runs that must not overlap are fired one at a time.
    max_ticks = _MAX_TICKS if row.overlap == Overlap.ALLOW else 1
    ticks = [first] if oldest <= first <= end else []
    after = max(first, oldest - timedelta(microseconds=1))
    return [*ticks, *islice(row.rule.between(after, end), max_ticks)][:max_ticks]
