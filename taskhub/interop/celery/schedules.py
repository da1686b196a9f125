"""
Celery's schedules: `crontab`, `schedule` and `solar`.

They are values until an app declares them: settings create them before Django knows the
time zone. `schedule_of` returns the schedule of taskhub that fires at the same times.
"""

from collections.abc import Iterable
from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo

from taskhub.exceptions import InvalidSchedule
from taskhub.interop.celery.conf import setting
from taskhub.interop.crontab import (
    Unreadable,
    Untranslatable,
    translate,
)
from taskhub.schedules import Cron, Interval, Schedule, Solar

#: A field of a crontab: a number, text as cron's, or numbers.
Field = int | str | Iterable[int]


class crontab:
    """
    Celery's crontab: a day must match all day fields, and ranges may wrap around.

    It is in the zone of CELERY_TIMEZONE or, as in Celery, in UTC without this setting.
    Raise InvalidSchedule for a field that Celery cannot read, or days that cron cannot
    express.
    """

    def __init__(
        self,
        minute: Field = "*",
        hour: Field = "*",
        day_of_week: Field = "*",
        day_of_month: Field = "*",
        month_of_year: Field = "*",
        **ignored: object,
    ) -> None:
        fields = (minute, hour, day_of_month, month_of_year, day_of_week)
        try:
            self.expression = translate(*map(_text, fields)).expression
        except (Unreadable, Untranslatable) as error:
            raise InvalidSchedule(f"{error}.") from None

    def __repr__(self) -> str:
        return f"<crontab: {self.expression}>"

    def to_schedule(self) -> Schedule:
        """Return the schedule of taskhub."""
        return Cron(self.expression, _zone_name())


class schedule:
    """An interval: seconds, or a timedelta."""

    def __init__(
        self, run_every: float | timedelta, relative: bool = False, **ignored: object
    ) -> None:
        self.run_every = run_every
        self.relative = relative

    def to_schedule(self) -> Schedule:
        """
        Return the schedule of taskhub.

        Raise InvalidSchedule if the interval is not a whole number of milliseconds.
        """
        return _interval(self.run_every)


class solar:
    """An event of the sun at a latitude and a longitude."""

    def __init__(self, event: str, lat: float, lon: float, **ignored: object) -> None:
        self.event, self.lat, self.lon = event, lat, lon

    def to_schedule(self) -> Schedule:
        """Return the schedule of taskhub. Raise as Solar does."""
        return Solar(self.event, float(self.lat), float(self.lon))


def schedule_of(given: object) -> Schedule:
    """
    Return the schedule of taskhub for any that Celery's settings may have.

    Raise InvalidSchedule for anything else, and for intervals that are too short.
    """
    if isinstance(given, crontab | schedule | solar):
        return given.to_schedule()
    if isinstance(given, Schedule):
        return given
    if isinstance(given, int | float | timedelta):
        return _interval(given)
    raise InvalidSchedule(
        "A schedule is a crontab, schedule or solar of taskhub.interop.celery.schedules"
        f", a timedelta or a number of seconds, not {given!r}."
    )


def site_zone() -> tzinfo:
    """Return the zone of CELERY_TIMEZONE; UTC without this setting."""
    return ZoneInfo(_zone_name())


def _zone_name() -> str:
    # Without a namespace, Celery also finds Django's TIME_ZONE.
    return str(setting("timezone") or setting("time_zone") or "UTC")


def _interval(every: float | timedelta) -> Interval:
    if not isinstance(every, timedelta):
        every = timedelta(seconds=every)
    for unit, size in (("seconds", 1), ("milliseconds", 1_000)):
        count = every / timedelta(seconds=1) * size
        if count == int(count):
            return Interval(int(count), unit)
    raise InvalidSchedule(
        f"{every} is not a whole number of milliseconds.", field="count"
    )


def _text(field: Field) -> str:
    if isinstance(field, int | str):
        return str(field)
    return ",".join(map(str, sorted(field)))
