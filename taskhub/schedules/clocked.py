"""Clocked schedules: one tick at a given time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from taskhub.exceptions import InvalidSchedule
from taskhub.schedules.schedule import Schedule, in_utc

#: Between these, every time zone can represent a moment.
_FIRST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


@dataclass(frozen=True)
class Clocked(Schedule):
    """
    One tick, at an aware datetime.

    Raise InvalidSchedule for a naive datetime, or one at an end of the calendar.
    """

    kind: ClassVar[str] = "once"

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise InvalidSchedule(
                f"Expected an aware datetime, not {self.at!r}.", field="at"
            )
        if not _FIRST < self.at < _LAST:
            raise InvalidSchedule(
                f"Expected a time between the years 1 and 9999, not {self.at}.",
                field="at",
            )

    @property
    def text(self) -> str:
        return f"{self.kind} {in_utc(self.at).isoformat()}"

    def next_after(self, moment: datetime) -> datetime | None:
        at = in_utc(self.at)
        return at if at > moment else None


def once(at: datetime) -> Clocked:
    """Return a schedule with one tick. Raise InvalidSchedule for a naive datetime."""
    return Clocked(at)
