"""
Steps through elapsed time, from one matching wall time to the next.

This is for cron schedules whose minutes or hours begin with a star. A wall time that
comes twice is tried twice, and one that the clock skips is not tried. No step passes a
change of the clock: near a change, a step is a minute long.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from cronsim import CronSim

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
#: A schedule that has no match within this span never fires.
_MAX_SPAN = timedelta(days=366 * 50)


def next_match(parsed: CronSim, zone: tzinfo, moment: datetime) -> datetime | None:
    """
    Return the first moment after `moment`, which is in UTC, whose wall time matches.

    Return None without a match in 50 years. Raise OverflowError at the calendar's end.
    """
    at = moment.replace(second=0, microsecond=0) + _MINUTE
    while at - moment < _MAX_SPAN:
        local = at.astimezone(zone)
        steps = list(_steps(parsed, local))
        if not steps:
            return at
        at = _forward(at, local, steps, zone)
    return None


def _steps(parsed: CronSim, local: datetime) -> Iterator[timedelta]:
    """Yield possible steps to the next match, the longest first; none at a match."""
    to_hour = timedelta(minutes=60 - local.minute)
    if local.month not in parsed.months or not parsed.match_day(local.date()):
        _weekday, days = monthrange(local.year, local.month)
        if local.month not in parsed.months and local.day < days:
            yield (days - local.day) * _DAY
        yield to_hour + timedelta(hours=23 - local.hour)
        yield to_hour
    elif local.hour not in parsed.hours:
        yield to_hour
    elif local.minute not in parsed.minutes:
        later = [each for each in parsed.minutes if each > local.minute]
        yield timedelta(minutes=min(later, default=60) - local.minute)


def _forward(
    at: datetime, local: datetime, steps: list[timedelta], zone: tzinfo
) -> datetime:
    """Return the time after the longest step that passes no change of the clock."""
    for step in steps:
        later = at + step
        if later.astimezone(zone).utcoffset() == local.utcoffset():
            return later
    return at + _MINUTE
