"""
Spans: the local times of a plan, which show whether its zone's rules have changed.

The rules of time zones change, sometimes with a few days' notice, and a plan may be
months old. So a plan stores two local times: the tick, and the moment after which it is
the first tick. If the zone now gives another local time for the tick, the plan is
outdated. A new plan starts from the stored wall time: so a tick that was fired under
the old rules does not fire again under the new ones.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Self

from taskhub.schedules.schedule import Schedule


@dataclass(frozen=True)
class Span:
    """A moment and the first tick after it, in the local time of a schedule's zone."""

    after: datetime
    tick: datetime

    @classmethod
    def of(cls, schedule: Schedule, after: datetime, tick: datetime) -> Self | None:
        """Return the span of a plan; None in UTC, or if a local time overflows."""
        zone = schedule.zone
        if zone is UTC:
            return None
        try:
            return cls(after.astimezone(zone), tick.astimezone(zone))
        except OverflowError:
            return None

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read the text of a span; return None if the text is not a span."""
        after, _slash, tick = text.partition("/")
        try:
            span = cls(datetime.fromisoformat(after), datetime.fromisoformat(tick))
        except ValueError:
            return None
        is_aware = span.after.tzinfo is not None and span.tick.tzinfo is not None
        return span if is_aware else None

    @property
    def text(self) -> str:
        """Both local times with their offsets, as ISO 8601 writes an interval."""
        return f"{self.after.isoformat()}/{self.tick.isoformat()}"

    def holds(self, zone: tzinfo) -> bool:
        """Whether the zone still gives the same local time for the tick."""
        wall = self.tick.replace(tzinfo=None)
        try:
            is_same = self.tick.astimezone(zone).replace(tzinfo=None) == wall
            # If the wall time now comes twice, the tick is the first of the two.
            return is_same and wall.replace(tzinfo=zone) == self.tick
        except OverflowError:
            return True

    def start_under(self, schedule: Schedule) -> datetime:
        """
        Return the moment from which to compute the tick again, by the current rules.

        If the schedule follows wall time, this is the moment that now has the wall time
        of `after`. Otherwise it is `after` itself.
        """
        if schedule.follows_wall_time:
            return self.after.replace(tzinfo=schedule.zone)
        return self.after
