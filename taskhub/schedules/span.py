"""
Spans: what a plan was worked out from, so that a change of a zone's rules is seen.

The rules of time zones change, sometimes a few days ahead, and a plan may be months
old. So a plan keeps, as local times, the moment after which its tick is the first, and
the tick itself. When the zone tells another time for that tick now, the plan is out of
date. Its wall times say which tick it was made for: one that was fired under the old
rules does not come again under the new ones.
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
        """Return the span of a plan; None where no zone, or no calendar, has a say."""
        zone = schedule.zone
        if zone is UTC:
            return None
        try:
            return cls(after.astimezone(zone), tick.astimezone(zone))
        except OverflowError:
            return None

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read what `text` has written; None if it is no span."""
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
        """Whether the zone still tells the same local time for the tick."""
        wall = self.tick.replace(tzinfo=None)
        try:
            is_same = self.tick.astimezone(zone).replace(tzinfo=None) == wall
            # A wall time that comes twice by now is meant to fire the first time.
            return is_same and wall.replace(tzinfo=zone) == self.tick
        except OverflowError:
            return True

    def start_under(self, schedule: Schedule) -> datetime:
        """
        Return the moment after which the tick is to be looked for, by the rules of now.

        A schedule of fixed wall times goes on from the same wall time; one that follows
        the time that passes, from the same moment.
        """
        if schedule.follows_wall_time:
            return self.after.replace(tzinfo=schedule.zone)
        return self.after
