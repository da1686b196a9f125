"""
Translation of Celery's crontabs to cron expressions that fire at the same times.

Celery reads each field as a set of numbers. A day must be in the sets of day of month,
month and day of week. Cron requires both day fields only if one of them begins with a
star; otherwise, one of the two is enough. Celery's ranges may wrap around, as in
`22-2`, and every field accepts names. This follows `crontab_parser` of Celery 5.7.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from taskhub.schedules.steps import endless_step

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_NAMES = {name: number for number, name in enumerate(_DAYS)} | {
    name: number for number, name in enumerate(_MONTHS, 1)
}
#: Fields in which cron refuses steps such as 40-59/30, and their names in steps.py.
_STEPPED = {"minute": "minute", "hour": "hour", "month_of_year": "month"}
#: Fields of this form mean the same to cron and to Celery, unless a range wraps around.
_ITEM = r"(?:\*(?:/[0-9]+)?|[0-9]+(?:-[0-9]+(?:/[0-9]+)?)?)"
_COMMON = re.compile(rf"{_ITEM}(?:,{_ITEM})*")
#: As in Celery, text after a range is ignored.
_RANGE = re.compile(r"(\w+)-(\w+)(/(\w*))?")
_STAR = re.compile(r"\*(/(\w*)|$)")


class Unreadable(ValueError):
    """Celery cannot read the field, so the crontab does not fire."""


class Untranslatable(ValueError):
    """No cron expression fires at these times."""


@dataclass(frozen=True)
class _Field:
    name: str
    first: int
    last: int

    @property
    def all(self) -> range:
        return range(self.first, self.last + 1)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day_of_month", 1, 31),
    _Field("month_of_year", 1, 12),
    _Field("day_of_week", 0, 6),
)


@dataclass(frozen=True)
class Translation:
    """A cron expression; `remark` says what is unusual about it."""

    expression: str
    remark: str = ""


def translate(
    minute: str, hour: str, day_of_month: str, month_of_year: str, day_of_week: str
) -> Translation:
    """
    Return the cron expression that fires when Celery's crontab does.

    Raise Unreadable if Celery cannot read it, Untranslatable if cron cannot express it.
    """
    specs = (minute, hour, day_of_month, month_of_year, day_of_week)
    sets = [_numbers(field, spec) for field, spec in zip(_FIELDS, specs, strict=True)]
    minutes, hours, days, months, weekdays = map(_write, _FIELDS, specs, sets)
    # If one day field is "*", a step in the other that names one value is listed. Other
    # fields that begin with a star are kept, so that cron requires both day fields.
    if weekdays == "*" and endless_step("day of month", days):
        days = ",".join(map(str, sorted(sets[2])))
    if days == "*" and endless_step("day of week", weekdays):
        weekdays = ",".join(_DAYS[day] for day in sorted(sets[4]))
    remark = ""
    if not days.startswith("*") and not weekdays.startswith("*"):
        days, weekdays, remark = _both(days, weekdays, sets[2], sets[4])
    return Translation(f"{minutes} {hours} {days} {months} {weekdays}", remark)


def _both(
    days: str, weekdays: str, day_set: set[int], weekday_set: set[int]
) -> tuple[str, str, str]:
    """Return the two day fields so that cron requires both, and a remark."""
    weeks = {_week(day) for day in day_set}
    if {day for day in range(1, 32) if _week(day) in weeks} == day_set:
        # A Monday from the 1st to the 7th is the first Monday.
        tokens = [f"{_DAYS[day]}#{week}" for week in weeks for day in weekday_set]
        return "*", ",".join(sorted(tokens, key=lambda token: token[::-1])), ""
    if 1 in day_set:
        days = f"*/31,{days}"
        return days, weekdays, _remark("day of month", days, "*/31", "the 1st")
    if 0 in weekday_set:
        weekdays = f"*/7,{weekdays}"
        return days, weekdays, _remark("day of week", weekdays, "*/7", "Sunday")
    raise Untranslatable(
        f"Celery fires on days that are both in day_of_month {days} and in day_of_week "
        f"{weekdays}; cron, on days that are in either"
    )


def _week(day: int) -> int:
    """Return the number of a day's week in the month: 1 from the 1st to the 7th."""
    return (day + 6) // 7


def _remark(field: str, text: str, star: str, meaning: str) -> str:
    return (
        f"The {field} is written {text}, where {star} is {meaning}: cron requires both "
        "days, as Celery does, if one of the fields begins with a star."
    )


def _write(field: _Field, spec: str, numbers: set[int]) -> str:
    """Return a field for cron; the original text if cron reads it as Celery does."""
    if numbers == set(field.all):
        return "*"
    words = _DAYS if field.name == "day_of_week" else tuple(map(str, range(60)))
    listed = ",".join(_list(numbers, words))
    if not _COMMON.fullmatch(spec):
        return listed
    if field.name in _STEPPED and endless_step(_STEPPED[field.name], spec):
        return listed
    # cronsim reads 3-3/2 as 3,5,7 and so on, as if it had no end.
    if any(int(a) >= int(b) for a, b in re.findall("([0-9]+)-([0-9]+)", spec)):
        return listed
    return spec if spec.startswith("*") or len(spec) <= len(listed) else listed


def _list(numbers: Iterable[int], words: Sequence[str]) -> Iterator[str]:
    """Yield the words of numbers; a range for each run of more than two numbers."""
    # Within a run, the number minus its index is constant.
    places = enumerate(sorted(numbers))
    for _, group in groupby(places, lambda place: place[1] - place[0]):
        run = [words[number] for _, number in group]
        yield f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(run)


def _numbers(field: _Field, spec: str) -> set[int]:
    """Return the numbers that Celery reads. Raise Unreadable if it cannot."""
    try:
        return {number for part in spec.split(",") for number in _expand(field, part)}
    except ValueError as error:
        hint = "; Sunday is 0" if field.name == "day_of_week" and "7" in spec else ""
        raise Unreadable(
            f"Celery cannot read {field.name} {spec!r} ({error}{hint})"
        ) from None


def _expand(field: _Field, part: str) -> Sequence[int]:
    if match := _RANGE.match(part):
        first, last = (_number(field, match[group]) for group in (1, 2))
        if last < first:
            numbers = [*range(first, field.last + 1), *range(field.first, last + 1)]
        else:
            numbers = [*range(first, last + 1)]
        return numbers[:: int(match[4])] if match[3] else numbers
    if match := _STAR.match(part):
        return field.all[:: int(match[2])] if match[1] else field.all
    return [_number(field, part)]


def _number(field: _Field, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        # Celery compares the first three letters only.
        number = _NAMES.get(text[:3].upper(), -1)
    if number not in field.all:
        raise ValueError(f"{text!r} is not in {field.first}-{field.last}")
    return number
