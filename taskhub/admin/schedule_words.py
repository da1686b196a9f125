"""Schedules in words: "At 03:00, Monday through Friday", "Every 10 minutes"."""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import cron_descriptor
from cron_descriptor import CasingTypeEnum, Options
from django.utils import timezone
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import (
    get_language,
    gettext_lazy,
    ngettext,
    to_locale,
)
from django.utils.translation import gettext as _

from taskhub.schedules import Clocked, Cron, Interval, Schedule, Solar, Unreadable
from taskhub.schedules.steps import RANGES, steps_in

#: The names of the kinds of schedules, by the first word of their text.
KINDS: dict[str, Promise] = {
    Cron.kind: gettext_lazy("At times of the calendar (cron)"),
    Interval.kind: gettext_lazy("Interval"),
    Clocked.kind: gettext_lazy("Once"),
    Solar.kind: gettext_lazy("Solar"),
}
#: The names of solar events, by their names in schedules.solar.
EVENTS: dict[str, Promise] = {
    "dawn_astronomical": gettext_lazy("astronomical dawn"),
    "dawn_nautical": gettext_lazy("nautical dawn"),
    "dawn_civil": gettext_lazy("civil dawn"),
    "sunrise": gettext_lazy("sunrise"),
    "solar_noon": gettext_lazy("solar noon"),
    "sunset": gettext_lazy("sunset"),
    "dusk_civil": gettext_lazy("civil dusk"),
    "dusk_nautical": gettext_lazy("nautical dusk"),
    "dusk_astronomical": gettext_lazy("astronomical dusk"),
}
UNITS: dict[str, Promise] = {
    "seconds": gettext_lazy("seconds"),
    "minutes": gettext_lazy("minutes"),
    "hours": gettext_lazy("hours"),
    "days": gettext_lazy("days"),
    "weeks": gettext_lazy("weeks"),
    "milliseconds": gettext_lazy("milliseconds"),
}
_ENGLISH = "en_US"
#: The fields of cron whose range always has the same length.
_FIXED_LENGTH_FIELDS = ("minute", "hour", "month")


def describe(schedule: Schedule) -> str:
    """
    Return a schedule in words, in the active language.

    Name a cron schedule's zone if the times depend on it and it is not the current one.
    """
    match schedule:
        case Cron():
            return _describe_cron(schedule)
        case Interval():
            return _describe_interval(schedule)
        case Clocked():
            return _("Once, on %s") % full_time(timezone.localtime(schedule.at))
        case Solar():
            return _describe_solar(schedule)
        case Unreadable():
            return _("Unreadable: %s") % schedule.raw
    return schedule.text


def local_time(when: datetime, zone: tzinfo | None = None) -> datetime:
    """Return a moment in `zone` or the current zone; in UTC at the calendar's ends."""
    try:
        return when.astimezone(zone or timezone.get_current_timezone())
    except OverflowError:
        return when.astimezone(UTC)


def full_time(local: datetime) -> str:
    """Return a local time with its date: Mon 30 Mar 2026, 03:00."""
    seconds = f":{local:%S}" if local.second or local.microsecond else ""
    fraction = f".{local.microsecond // 1000:03}" if local.microsecond else ""
    return f"{date_format(local, 'D j M Y, H:i')}{seconds}{fraction}"


def _describe_cron(schedule: Cron) -> str:
    language = _language()
    words = _cron_in_words(schedule.fields, language)
    if language != _ENGLISH:
        words = _with_translated_names(words)
    _minute, *others = schedule.fields.split()
    depends_on_zone = any(field != "*" for field in others)
    if depends_on_zone and schedule.tz != timezone.get_current_timezone_name():
        return f"{words} ({schedule.tz})"
    return words


def _cron_in_words(fields: str, language: str) -> str:
    spelt_out = _with_steps_spelt_out(fields)
    minute, hour, day, month, weekday = spelt_out.split()
    # cron_descriptor does not describe lists with L or # correctly.
    if any("," in part and ("L" in part or "#" in part) for part in (day, weekday)):
        return fields
    if day == "*" or weekday == "*":
        words = _translate(spelt_out, language)
        return fields if words == spelt_out else words
    # cron_descriptor does not always say how the two fields of days combine.
    _minute, _hour, *days = fields.split()
    both_must_match = days[0].startswith("*") or days[2].startswith("*")
    sentence = _("%(days)s, if also: %(weekdays)s")
    if not both_must_match:
        sentence = _("%(days)s, and %(weekdays)s")
    weekdays = _translate(f"{minute} {hour} * {month} {weekday}", language)
    return sentence % {
        "days": _translate(f"{minute} {hour} {day} {month} *", language),
        "weekdays": weekdays[:1].lower() + weekdays[1:],
    }


def _with_steps_spelt_out(fields: str) -> str:
    """Replace steps with unequal distances by lists of their values."""
    return " ".join(
        ",".join(_spelt_out(name, term) for term in field.split(","))
        for name, field in zip(RANGES, fields.split(), strict=True)
    )


def _spelt_out(name: str, term: str) -> str:
    """Return a term of a cron field, or its values if the distances are unequal."""
    for step in steps_in(name, term):
        first, last = RANGES[name]
        # Steps of days start again in each month or week.
        divides = name in _FIXED_LENGTH_FIELDS and (last - first + 1) % step.size == 0
        is_even = len(step.values) > 1 if "-" in term else divides
        if not is_even:
            return ",".join(map(str, step.values))
    return term


@lru_cache(maxsize=1024)
def _translate(fields: str, language: str) -> str:
    options = Options(
        casing_type=CasingTypeEnum.Sentence,
        use_24hour_time_format=True,
        locale_code=language,
    )
    try:
        return str(cron_descriptor.get_description(fields, options))
    except (cron_descriptor.FormatException, ValueError, LookupError):
        # cron_descriptor knows less cron syntax than taskhub.
        return fields


def _with_translated_names(words: str) -> str:
    """Translate names of days and months, which cron_descriptor does not do."""
    names = dict(zip(calendar.day_name, WEEKDAYS.values(), strict=True))
    names |= dict(zip(calendar.month_name[1:], MONTHS.values(), strict=True))
    return re.sub(
        rf"\b({'|'.join(names)})\b", lambda found: str(names[found[1]]), words
    )


def _language() -> str:
    """Return cron_descriptor's code of the active language, or of English."""
    code = get_language() or "en"
    locale = {"zh-hans": "zh_CN", "zh-hant": "zh_TW"}.get(code, to_locale(code))
    known = _known_languages()
    return known.get(locale) or known.get(code.partition("-")[0], _ENGLISH)


@cache
def _known_languages() -> dict[str, str]:
    """Return cron_descriptor's codes by locale, and by language alone."""
    folder = Path(cron_descriptor.__file__).parent / "locale"
    locales = sorted(path.stem for path in folder.glob("*.mo"))
    by_language = {each.partition("_")[0]: each for each in reversed(locales)}
    return by_language | {each: each for each in locales}


def _describe_interval(schedule: Interval) -> str:
    in_words: dict[str, Callable[[int], str]] = {
        "weeks": lambda n: ngettext("Every week", "Every %d weeks", n),
        "days": lambda n: ngettext("Every day", "Every %d days", n),
        "hours": lambda n: ngettext("Every hour", "Every %d hours", n),
        "minutes": lambda n: ngettext("Every minute", "Every %d minutes", n),
        "seconds": lambda n: ngettext("Every second", "Every %d seconds", n),
        "milliseconds": lambda n: ngettext(
            "Every millisecond", "Every %d milliseconds", n
        ),
    }
    sentence = in_words[schedule.unit](schedule.count)
    return sentence % schedule.count if "%d" in sentence else sentence


def _describe_solar(schedule: Solar) -> str:
    words: dict[str, Any] = {
        "event": EVENTS[schedule.event],
        "latitude": f"{abs(schedule.latitude):g}° "
        + (_("N") if schedule.latitude >= 0 else _("S")),
        "longitude": f"{abs(schedule.longitude):g}° "
        + (_("E") if schedule.longitude >= 0 else _("W")),
    }
    return _("At %(event)s, %(latitude)s %(longitude)s") % words
