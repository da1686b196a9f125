"""Solar events at a place: sunrise, noon, dusk and so on, by the astral library."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from taskhub.exceptions import InvalidSchedule, SolarNotInstalled
from taskhub.foundation.nearest import did_you_mean
from taskhub.schedules.schedule import Schedule, in_utc

#: In the order of a day: the function of astral.sun, and how many degrees the sun is
#: below the horizon.
EVENTS: dict[str, tuple[str, int | None]] = {
    "dawn_astronomical": ("dawn", 18),
    "dawn_nautical": ("dawn", 12),
    "dawn_civil": ("dawn", 6),
    "sunrise": ("sunrise", None),
    "solar_noon": ("noon", None),
    "sunset": ("sunset", None),
    "dusk_civil": ("dusk", 6),
    "dusk_nautical": ("dusk", 12),
    "dusk_astronomical": ("dusk", 18),
}
_SECOND_DAY = datetime(1, 1, 2, tzinfo=UTC)
#: Beyond the polar circles, some events do not happen for months.
_MAX_DAYS = 370


@dataclass(frozen=True)
class Solar(Schedule):
    """
    An event of the sun at a place, to the second. Days without the event have no tick.

    Raise InvalidSchedule, with the field that is wrong, also if it never happens there.
    Raise SolarNotInstalled without the extra `solar`.
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
        astral = _import_astral()
        name, depression = EVENTS[self.event]
        options = {} if depression is None else {"depression": depression}
        observer = astral.Observer(self.latitude, self.longitude)
        try:
            at: datetime = getattr(astral.sun, name)(observer, day, **options)
        except (ValueError, OverflowError):
            # Polar night, midnight sun, or the end of the calendar.
            return None
        # The result is precise to a minute. Whole seconds are the same on all hosts.
        return at.astimezone(UTC).replace(microsecond=0)


def _import_astral() -> Any:
    try:
        import astral.sun
    except ImportError as error:
        raise SolarNotInstalled(
            'Solar schedules need the library astral: pip install "taskhub[solar]".'
        ) from error
    return astral


def solar(event: str, *, latitude: float, longitude: float) -> Solar:
    """
    Return a schedule: `solar("sunset", latitude=52.52, longitude=13.40)`.

    Raise InvalidSchedule if there is no such event, or never at such a place, and
    SolarNotInstalled without the extra `solar`.
    """
    return Solar(event, float(latitude), float(longitude))
