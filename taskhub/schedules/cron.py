"""
Cron expressions, as Debian's cron reads them, in a time zone of their own.

There are five fields: minute, hour, day of month, month, day of week. They may have
lists, ranges, steps and names. SUN is 0 or 7. `L` is a month's last day, `5L` its last
Friday, `FRI#2` its second Friday. There are aliases such as `@daily`. If neither the
day of month nor the day of week begins with a star, a day that matches one of them is
enough; otherwise it must match both.

Daylight saving time: a fixed wall time in the gap of spring fires once, at the end of
the gap. In the overlap of autumn it fires once, the first time. If the minutes or the
hours begin with a star, the schedule follows elapsed time; see stepping.py.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from taskhub.exceptions import InvalidSchedule, UnknownZone
from taskhub.foundation.nearest import did_you_mean
from taskhub.schedules.schedule import Schedule, in_utc
from taskhub.schedules.stepping import next_match
from taskhub.schedules.steps import check_steps

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_DAYS = r"MON|TUE|WED|THU|FRI|SAT|SUN"
_FULL_NAMES = re.compile(
    rf"\b({_DAYS})(?:S|NES|RS|UR)?DAY\b|\b(JAN|FEB|MAR|APR|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
    r"(?:UARY|RUARY|CH|IL|E|Y|UST|TEMBER|OBER|EMBER)\b"
)


@dataclass(frozen=True)
class Cron(Schedule):
    """
    A cron expression in a time zone.

    Raise InvalidSchedule, with the field that is wrong, if it cannot be read or never
    fires. The zone is loaded with the first tick, so that a host that does not know it
    can import a module that declares the schedule.
    """

    kind: ClassVar[str] = "cron"

    expression: str
    tz: str = "UTC"

    def __post_init__(self) -> None:
        _check_fields(self._fields)
        if self._next_in(UTC, datetime(2026, 1, 1, tzinfo=UTC)) is None:
            raise InvalidSchedule(
                f"{self.expression!r} never fires: no month that it names has such a "
                "day.",
                field="expression",
            )

    @property
    def text(self) -> str:
        return f"{self.kind} {self.expression} {self.tz}"

    @cached_property
    def zone(self) -> tzinfo:
        """The time zone. Raise UnknownZone if this host does not know it."""
        try:
            return ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            hint = did_you_mean(self.tz, available_timezones())
            raise UnknownZone(
                f"There is no time zone {self.tz!r}{hint}", field="tz"
            ) from None

    def in_known_zone(self) -> Self:
        """Return self. Raise UnknownZone if this host does not know the time zone."""
        _ = self.zone
        return self

    def next_after(self, moment: datetime) -> datetime | None:
        return self._next_in(self.zone, in_utc(moment))

    def _next_in(self, zone: tzinfo, moment: datetime) -> datetime | None:
        try:
            if not self.follows_wall_time:
                return next_match(self._parsed, zone, moment)
            for tick in CronSim(self.fields, moment.astimezone(zone)):
                # In the overlap of autumn, a past wall time comes once more.
                if (due := tick.astimezone(UTC)) > moment:
                    return due
        except OverflowError:
            # There is no tick until the end of the year 9999.
            return None
        return None

    @cached_property
    def _parsed(self) -> CronSim:
        return CronSim(self.fields, datetime(2026, 1, 1, tzinfo=UTC))

    @cached_property
    def follows_wall_time(self) -> bool:  # type: ignore[override]
        """Whether neither the minutes nor the hours begin with a star."""
        return not any(field.startswith("*") for field in self._fields[:2])

    @cached_property
    def fields(self) -> str:
        """The five fields, with aliases and long names written out."""
        return " ".join(self._fields)

    @property
    def _fields(self) -> list[str]:
        expression = self.expression.strip()
        if expression.startswith("@"):
            if expression.lower() not in ALIASES:
                raise InvalidSchedule(
                    f"Unknown alias {expression!r}{did_you_mean(expression, ALIASES)}",
                    field="expression",
                )
            expression = ALIASES[expression.lower()]
        return [_normalise(field) for field in expression.upper().split()]


def cron(expression: str, *, tz: str = "UTC") -> Cron:
    """
    Return a cron schedule: `cron("0 3 * * MON-FRI", tz="Europe/Berlin")`.

    Raise InvalidSchedule if it cannot be read or never fires. If this host does not
    know the time zone, `next_after()` raises UnknownZone.
    """
    return Cron(" ".join(expression.split()), tz)


def _normalise(field: str) -> str:
    short = _FULL_NAMES.sub(lambda match: match[1] or match[2], field)
    # In FRI-SUN, Sunday is day 7 and not day 0.
    return re.sub(rf"\b({_DAYS}|[0-6])-SUN\b", r"\1-7", short)


def _check_fields(fields: list[str]) -> None:
    """Raise InvalidSchedule with the field that is wrong."""
    if len(fields) != len(_FIELDS):
        raise InvalidSchedule(
            f"It has {len(fields)} fields; expected 5: {', '.join(_FIELDS)}.",
            field="expression",
        )
    for index, (name, value) in enumerate(zip(_FIELDS, fields, strict=True)):
        alone = ["*"] * len(_FIELDS)
        alone[index] = value
        try:
            CronSim(" ".join(alone), datetime(2026, 1, 1, tzinfo=UTC))
        except (CronSimError, ValueError, AssertionError):
            raise InvalidSchedule(
                f"{value!r} is no {name}; expected {_EXPECTED[name]}.",
                field="expression",
            ) from None
    _minute, _hour, day, _month, weekday = fields
    for name, value in zip(_FIELDS, fields, strict=True):
        # Beside another day field, a step that names one value is useful: `*/31` is the
        # 1st, and requires that both day fields match.
        other = {"day of month": weekday, "day of week": day}.get(name, "*")
        if other == "*":
            check_steps(name, value)
    try:
        CronSim(" ".join(fields), datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        raise InvalidSchedule(
            f"{' '.join(fields)!r} never fires: no month that it names has such a day.",
            field="expression",
        ) from None


_EXPECTED = {
    "minute": "0-59, *, lists, ranges or steps such as */5",
    "hour": "0-23, *, lists, ranges or steps such as */2",
    "day of month": "1-31, L, LW, *, lists, ranges or steps",
    "month": "1-12, JAN-DEC, *, lists, ranges or steps",
    "day of week": "0-7, SUN-SAT, 5L, FRI#2, *, lists, ranges or steps",
}
