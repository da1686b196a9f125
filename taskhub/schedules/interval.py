"""Intervals of elapsed time."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self

from taskhub.exceptions import InvalidSchedule
from taskhub.foundation.nearest import did_you_mean
from taskhub.schedules.schedule import Schedule, in_utc

UNITS = {
    "weeks": timedelta(weeks=1),
    "days": timedelta(days=1),
    "hours": timedelta(hours=1),
    "minutes": timedelta(minutes=1),
    "seconds": timedelta(seconds=1),
    "milliseconds": timedelta(milliseconds=1),
}
_MIN_PERIOD = timedelta(milliseconds=100)
_MAX_PERIOD = timedelta(days=365 * 100)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Interval(Schedule):
    """
    A tick every `count` units, counted from an anchor, so that ticks do not drift.

    Raise InvalidSchedule, with the field that is wrong, for an invalid value.
    """

    kind: ClassVar[str] = "every"

    count: int
    #: A key of UNITS.
    unit: str
    #: Each tick is a whole number of periods after or before this time. The text leaves
    #: the anchor out, since each row has its own.
    anchor: datetime = _EPOCH

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise InvalidSchedule(
                f"There is no unit {self.unit!r}{did_you_mean(self.unit, UNITS)}",
                field="unit",
            )
        if type(self.count) is not int or self.count < 1:
            raise InvalidSchedule(
                f"An interval is a whole number from 1, not {self.count!r}.",
                field="count",
            )
        _check_length(self.count, self.unit)
        if self.period < _MIN_PERIOD:
            raise InvalidSchedule(
                "An interval lasts for at least 100 milliseconds.", field="count"
            )

    @property
    def text(self) -> str:
        unit = self.unit.removesuffix("s") if self.count == 1 else self.unit
        return f"{self.kind} {self.count} {unit}"

    @property
    def period(self) -> timedelta:
        """The time from one tick to the next."""
        return self.count * UNITS[self.unit]

    def anchored(self, moment: datetime) -> Self:
        return replace(self, anchor=in_utc(moment))

    def next_after(self, moment: datetime) -> datetime | None:
        # Floor division gives the same ticks before the anchor, too.
        passed = (in_utc(moment) - self.anchor) // self.period
        try:
            return self.anchor + (passed + 1) * self.period
        except OverflowError:
            return None

    def latest_between(self, start: datetime, end: datetime) -> datetime | None:
        latest = self.anchor + (in_utc(end) - self.anchor) // self.period * self.period
        return latest if latest > start else None


def every(
    *,
    weeks: int = 0,
    days: int = 0,
    hours: int = 0,
    minutes: int = 0,
    seconds: int = 0,
    milliseconds: int = 0,
) -> Interval:
    """
    Return an interval: `every(minutes=10)`, `every(hours=1, minutes=30)`.

    Raise InvalidSchedule if it is shorter than 100 ms or longer than 100 years.
    """
    given = {
        "weeks": weeks,
        "days": days,
        "hours": hours,
        "minutes": minutes,
        "seconds": seconds,
        "milliseconds": milliseconds,
    }
    for unit, count in given.items():
        if type(count) is not int or count < 0:
            raise InvalidSchedule(
                f"{unit} must be a whole number, not {count!r}.", field="count"
            )
        _check_length(count, unit)
    named = [unit for unit, count in given.items() if count]
    if not named:
        raise InvalidSchedule("An interval must be longer than 0.", field="count")
    # Use the smallest unit that was given.
    unit = named[-1]
    total = sum((given[each] * UNITS[each] for each in named), timedelta())
    return Interval(total // UNITS[unit], unit)


def _check_length(count: int, unit: str) -> None:
    # Divide, since a product may overflow a timedelta.
    if count > _MAX_PERIOD / UNITS[unit]:
        raise InvalidSchedule("An interval lasts for at most 100 years.", field="count")
