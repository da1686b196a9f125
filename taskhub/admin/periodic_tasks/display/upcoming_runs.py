"""The next runs of a periodic task, as they are foretold in the admin."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from taskhub.admin import schedule_words as words
from taskhub.models import PeriodicTask
from taskhub.schedules import Cron, Solar

#: So many runs are foretold.
FORETOLD = 10
#: From one event of the sun to the next it is a day, more or less.
_LONGEST_SOLAR_DAY = timedelta(days=2)

#: Up to here, days say more than weeks and months.
_TOLD_IN_DAYS = 60


@dataclass(frozen=True)
class Foretold:
    """A run that is to come."""

    at: datetime
    #: The time where the schedule is thought of.
    there: datetime
    #: If the clocks change between the run before and this one: what they do.
    clocks: str
    #: If there is an unusual pause before it: why.
    pause: str


def zone_of(row: PeriodicTask) -> tzinfo:
    """Return the zone in which people think of a schedule: cron's own, or theirs."""
    if isinstance(row.schedule, Cron):
        return row.schedule.zone
    return timezone.get_current_timezone()


def foretell(row: PeriodicTask, now: datetime) -> list[Foretold]:
    """
    Return the next runs of a row, saved or not, as if it were enabled.

    Raise InvalidSchedule if its schedule cannot be read.
    """
    zone, before = zone_of(row), now
    runs: list[Foretold] = []
    for tick in _ticks(row, now):
        runs.append(
            Foretold(
                tick,
                words.local_time(tick, zone),
                _clocks(before, tick, zone),
                _pause(row, before, tick) if runs else "",
            )
        )
        before = tick
    return runs


def _ticks(row: PeriodicTask, now: datetime) -> Iterator[datetime]:
    most = FORETOLD
    if row.max_runs is not None:
        most = min(most, row.max_runs - row.total_run_count)
    tick = _first(row, now)
    while tick is not None and most > 0:
        if row.end_at is not None and tick > row.end_at:
            return
        yield tick
        most -= 1
        tick = row.rule.next_after(tick)


def _first(row: PeriodicTask, now: datetime) -> datetime | None:
    if row.enabled and row.next_run_at and not row.is_plan_stale:
        # Not always the rule's next: somebody may have skipped that.
        return row.next_run_at
    if row.start_at and row.start_at > now:
        return row.rule.next_after(row.start_at - timedelta(microseconds=1))
    return row.rule.next_after(now)


def _clocks(before: datetime, tick: datetime, zone: tzinfo) -> str:
    old, new = (words.local_time(moment, zone) for moment in (before, tick))
    if old.utcoffset() == new.utcoffset():
        return ""
    return _("The clocks change before this run: from %(old)s to %(new)s.") % {
        "old": _offset(old),
        "new": _offset(new),
    }


def _offset(local: datetime) -> str:
    return "UTC" + (f"{local:%z}"[:3] + ":" + f"{local:%z}"[3:5])


def _pause(row: PeriodicTask, before: datetime, tick: datetime) -> str:
    schedule = row.schedule
    if not isinstance(schedule, Solar) or tick - before < _LONGEST_SOLAR_DAY:
        return ""
    return _("No %(event)s there for %(days)d days before.") % {
        "event": words.EVENTS[schedule.event],
        "days": (tick - before).days,
    }


def relative(when: datetime, now: datetime | None = None) -> str:
    """Return how long it is to a moment, or was: in 3 hours, 2 days ago."""
    now = now or datetime.now(UTC)
    if abs(when - now) < timedelta(minutes=1):
        seconds = round((when - now).total_seconds())
        return _("in %d s") % seconds if seconds > 0 else _("%d s ago") % -seconds
    days = round((when - now) / timedelta(days=1))
    if 1 < abs(days) <= _TOLD_IN_DAYS:
        return _("in %d days") % days if days > 0 else _("%d days ago") % -days
    if when > now:
        return _("in %s") % timeuntil(when, now, depth=1)
    return _("%s ago") % timesince(when, now, depth=1)
