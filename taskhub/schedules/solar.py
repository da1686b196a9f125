"""Solar events at a place: sunrise, noon, dusk and so on, by the astral library."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from taskhub.exceptions import InvalidSchedule, SolarNotInstalled
from taskhub.foundation.nearest import did_you_mean
from taskhub.schedules.schedule import Schedule, in_utc

#: In the order of a day: whether the sun rises, sets or is at its highest, and how many
#: degrees its centre is below the horizon. With None, its upper edge is on the horizon.
EVENTS: dict[str, tuple[str, float | None]] = {
    "dawn_astronomical": ("rising", 18),
    "dawn_nautical": ("rising", 12),
    "dawn_civil": ("rising", 6),
    "sunrise": ("rising", None),
    "solar_noon": ("noon", None),
    "sunset": ("setting", None),
    "dusk_civil": ("setting", 6),
    "dusk_nautical": ("setting", 12),
    "dusk_astronomical": ("setting", 18),
}
#: West of these, the event of a local day is on the same day in UTC or on the next one.
#: East of these, it may be on the day before.
_LARGEST_LONGITUDES = {"rising": -10, "noon": 180, "setting": 170}
_SECOND_DAY = datetime(1, 1, 2, tzinfo=UTC)
#: Beyond the polar circles, some events do not happen for months.
_MAX_DAYS = 370


@dataclass(frozen=True)
class Solar(Schedule):
    """
    An event of the sun at a place, to the second. Days without the event have no tick.

    Raise InvalidSchedule, with the field that is wrong, for an invalid value, or for an
    event that never happens there. Raise SolarNotInstalled without the extra `solar`.
    """

    kind: ClassVar[str] = "solar"

    #: A key of EVENTS.
    event: str
    #: Degrees, north and east positive.
    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        _import_astral()
        if self.event not in EVENTS:
            raise InvalidSchedule(
                f"There is no event {self.event!r}{did_you_mean(self.event, EVENTS)}",
                field="event",
            )
        for name, most in (("latitude", 90), ("longitude", 180)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not -most <= value <= most:
                raise InvalidSchedule(
                    f"A {name} is a number from -{most} to {most}, not {value!r}.",
                    field=name,
                )
        if self.next_after(datetime(2026, 1, 1, tzinfo=UTC)) is None:
            raise InvalidSchedule(
                f"{self.event} never happens at latitude {self.latitude}.",
                field="latitude",
            )

    @property
    def text(self) -> str:
        return f"{self.kind} {self.event} {self.latitude:g} {self.longitude:g}"

    def next_after(self, moment: datetime) -> datetime | None:
        moment = in_utc(moment)
        # An event of a local day may be on the day before or after in UTC.
        first = max(moment, _SECOND_DAY).date() - timedelta(days=1)
        max_days = min(_MAX_DAYS, (date.max - first).days)
        for number in range(max_days):
            tick = self._tick_of(first + timedelta(days=number))
            if tick is not None and tick > moment:
                return tick
        return None

    def _tick_of(self, day: date) -> datetime | None:
        """Return the time of the event on a local day; None if it does not happen."""
        try:
            at = self._calculate(day)
        except (ValueError, OverflowError):
            # Polar night, midnight sun, or the end of the calendar.
            return None
        # The result is precise to a minute. Whole seconds are the same on all hosts.
        return at.astimezone(UTC).replace(microsecond=0)

    def _calculate(self, day: date) -> datetime:
        astral = _import_astral()
        direction, depression = EVENTS[self.event]
        place = self._place_west_of(_LARGEST_LONGITUDES[direction])
        at: datetime
        if direction == "noon":
            at = astral.sun.noon(place, day)
        else:
            if depression is None:
                depression = astral.sun.SUN_APPARENT_RADIUS
            at = astral.sun.time_of_transit(
                place, day, 90 + depression, astral.SunDirection[direction.upper()]
            )
        return at

    def _place_west_of(self, largest_longitude: float) -> "_Place":
        """
        Return the same place with a longitude that may be less than -180.

        `astral.sun.dusk()` and its siblings look for an event on one day in UTC. While
        the event moves past midnight, they return it twice or not at all.
        """
        turns = 1 if self.longitude > largest_longitude else 0
        return _Place(self.latitude, self.longitude - 360 * turns)


class _Place(NamedTuple):
    """What astral calls an observer. Astral's own class refuses -190 degrees."""

    latitude: float
    longitude: float
    elevation: float = 0.0


def _import_astral() -> Any:
    try:
        import astral.sun
    except ImportError as error:
        raise SolarNotInstalled(
            "Solar schedules need the library astral: pip install "
            '"django-taskhub[solar]".'
        ) from error
    return astral


def solar(event: str, *, latitude: float, longitude: float) -> Solar:
    """
    Return a schedule: `solar("sunset", latitude=52.52, longitude=13.40)`.

    Raise InvalidSchedule if the event is unknown, or never happens at this place. Raise
    SolarNotInstalled without the extra `solar`.
    """
    return Solar(event, float(latitude), float(longitude))
