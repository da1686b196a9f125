"""What all kinds of schedules have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import ClassVar, Self

from taskhub.exceptions import UnknownZone

#: The spans before its end that `latest_between` searches, one after another.
_SEARCHED_SPANS = (
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=32),
    timedelta(days=400),
)


class Schedule(ABC):
    """
    When a periodic task fires: an immutable rule that gives ticks.

    Moments are aware datetimes, ticks are in UTC. A moment's next tick never changes.
    """

    #: The first word of the schedule's text.
    kind: ClassVar[str]
    #: Whether ticks are wall times of the zone, and not spans of elapsed time.
    follows_wall_time = False

    @property
    @abstractmethod
    def text(self) -> str:
        """The schedule as a row keeps it; see text.parse."""

    @abstractmethod
    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first tick after `moment`; None if there is none."""

    @property
    def zone(self) -> tzinfo:
        """The time zone in which people read the schedule."""
        return UTC

    def anchored(self, moment: datetime) -> Self:
        """Return the schedule with this anchor, if it has one."""
        return self

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the ticks later than `start`, up to and including `end`."""
        tick = self.next_after(start)
        while tick is not None and tick <= end:
            yield tick
            tick = self.next_after(tick)

    def latest_between(self, start: datetime, end: datetime) -> datetime | None:
        """Return the last tick in `between(start, end)`; None if there is none."""
        for span in _SEARCHED_SPANS:
            if end - span <= start:
                break
            # Do not go through all ticks: there may be years of them.
            if ticks := list(self.between(end - span, end)):
                return ticks[-1]
        ticks = list(self.between(start, end))
        return ticks[-1] if ticks else None

    def __str__(self) -> str:
        return self.text


def zone_fault(schedule: Schedule) -> str:
    """Return why a schedule's time zone is unknown on this host; "" if it is known."""
    try:
        _ = schedule.zone
    except UnknownZone as error:
        return str(error)
    return ""


def in_utc(moment: datetime) -> datetime:
    """Return an aware moment in UTC. Raise ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"Expected an aware datetime, not {moment!r}.")
    return moment.astimezone(UTC)
