"""The next runs of a periodic task."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from taskhub.admin import schedule_words
from taskhub.models import PeriodicTask
from taskhub.schedules import Cron, Solar

MAX_UPCOMING = 10
#: A solar event recurs after about a day. Longer pauses, as in polar night, are shown.
_MAX_SOLAR_INTERVAL = timedelta(days=2)
#: Longer spans are shown in months and years.
_MAX_DAYS = 60


@dataclass(frozen=True)
class UpcomingRun:
    """A future run of a periodic task."""

    at: datetime
    #: The time in the zone of the schedule.
    local: datetime
    #: A sentence if the clocks change between the previous run and this one, or "".
    clock_change: str
    #: A sentence if there is an unusual pause before the run, or "".
    pause: str


def zone_of(row: PeriodicTask) -> tzinfo:
    """Return the zone of a cron schedule, or the current one."""
    if isinstance(row.schedule, Cron):
        return row.schedule.zone
    return timezone.get_current_timezone()


def upcoming_runs(row: PeriodicTask, now: datetime) -> list[UpcomingRun]:
    """
    Return the next runs of a row, saved or not, as if it were enabled.

    Raise InvalidSchedule if its schedule cannot be read.
    """
    zone, before = zone_of(row), now
    runs: list[UpcomingRun] = []
    for tick in _ticks(row, now):
        runs.append(
            UpcomingRun(
                tick,
                schedule_words.local_time(tick, zone),
                _clock_change(before, tick, zone),
                _pause(row, before, tick) if runs else "",
            )
        )
        before = tick
    return runs


def as_json(run: UpcomingRun, other: tzinfo | None, now: datetime) -> dict[str, str]:
    """
    Return a run as plain values for periodic.js and the template preview.html.

    `there` is the time in the schedule's zone, `here` the time in the zone `other`.
    """
    here = schedule_words.local_time(run.at, other) if other else None
    return {
        "at": run.at.isoformat(),
        "there": schedule_words.full_time(run.local),
        "here": schedule_words.full_time(here) if here else "",
        "until": relative(run.at, now),
        "clocks": run.clock_change,
        "pause": run.pause,
    }


def _ticks(row: PeriodicTask, now: datetime) -> Iterator[datetime]:
    left = MAX_UPCOMING
    if row.max_runs is not None:
        left = min(left, row.max_runs - row.total_run_count)
    tick = _first_tick(row, now)
    while tick is not None and left > 0:
        if row.end_at is not None and tick > row.end_at:
            return
        yield tick
        left -= 1
        tick = row.rule.next_after(tick)


def _first_tick(row: PeriodicTask, now: datetime) -> datetime | None:
    if row.enabled and row.next_run_at and not row.is_plan_stale:
        # The plan differs from the rule's next tick if a run is skipped.
        return row.next_run_at
    if row.start_at and row.start_at > now:
        return row.rule.next_after(row.start_at - timedelta(microseconds=1))
    return row.rule.next_after(now)


def _clock_change(before: datetime, tick: datetime, zone: tzinfo) -> str:
    old, new = (schedule_words.local_time(moment, zone) for moment in (before, tick))
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
    if not isinstance(schedule, Solar) or tick - before < _MAX_SOLAR_INTERVAL:
        return ""
    return _("No %(event)s there for %(days)d days before.") % {
        "event": schedule_words.EVENTS[schedule.event],
        "days": (tick - before).days,
    }


def relative(when: datetime, now: datetime | None = None) -> str:
    """Return a time relative to now: in 3 hours, 2 days ago."""
    now = now or datetime.now(UTC)
    if abs(when - now) < timedelta(minutes=1):
        seconds = round((when - now).total_seconds())
        return _("in %d s") % seconds if seconds > 0 else _("%d s ago") % -seconds
    days = round((when - now) / timedelta(days=1))
    if 1 < abs(days) <= _MAX_DAYS:
        return _("in %d days") % days if days > 0 else _("%d days ago") % -days
    if when > now:
        return _("in %s") % timeuntil(when, now, depth=1)
    return _("%s ago") % timesince(when, now, depth=1)
