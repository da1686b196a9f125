"""Schedules as text, as rows store them and operators write them with SQL."""

from collections.abc import Callable
from datetime import datetime

from taskhub.exceptions import InvalidSchedule
from taskhub.foundation.nearest import did_you_mean
from taskhub.schedules.clocked import Clocked
from taskhub.schedules.cron import Cron
from taskhub.schedules.interval import Interval
from taskhub.schedules.schedule import Schedule
from taskhub.schedules.solar import Solar


def parse(text: str) -> Schedule:
    """
    Read a schedule's text:

        cron 0 3 * * MON-FRI Europe/Berlin
        every 10 minutes
        once 2027-01-01T00:00:00+00:00
        solar sunset 52.52 13.4

    Raise InvalidSchedule with what was expected, or UnreadableHere if other hosts may
    be able to read the text.
    """
    kind, *words = text.split() or [""]
    if kind not in _READERS:
        raise InvalidSchedule(
            f"{text!r} is not a schedule; it begins with {kind!r}"
            f"{did_you_mean(kind, _READERS)}"
        )
    try:
        return _READERS[kind](words)
    except InvalidSchedule:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise InvalidSchedule(
            f"{text!r} cannot be read; expected a text such as {_EXAMPLES[kind]!r}."
        ) from error


def _read_cron(words: list[str]) -> Cron:
    size = 1 if words and words[0].startswith("@") else 5
    expression, zone = words[:size], words[size:]
    if len(zone) > 1:
        raise InvalidSchedule(
            f"Expected five fields and a time zone, not {' '.join(words)!r}."
        )
    return Cron(" ".join(expression), *zone).in_known_zone()


def _read_interval(words: list[str]) -> Interval:
    count, unit = words
    return Interval(int(count), unit if unit.endswith("s") else f"{unit}s")


def _read_clocked(words: list[str]) -> Clocked:
    (moment,) = words
    return Clocked(datetime.fromisoformat(moment))


def _read_solar(words: list[str]) -> Solar:
    event, latitude, longitude = words
    return Solar(event, float(latitude), float(longitude))


_READERS: dict[str, Callable[[list[str]], Schedule]] = {
    Cron.kind: _read_cron,
    Interval.kind: _read_interval,
    Clocked.kind: _read_clocked,
    Solar.kind: _read_solar,
}

_EXAMPLES = {
    Cron.kind: "cron 0 3 * * MON-FRI Europe/Berlin",
    Interval.kind: "every 10 minutes",
    Clocked.kind: "once 2027-01-01T00:00:00+00:00",
    Solar.kind: "solar sunset 52.52 13.4",
}
