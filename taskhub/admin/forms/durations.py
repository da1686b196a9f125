"""A form field for durations as people write them: 90 s, 10 minutes, 1h 30m."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from taskhub.foundation.nearest import did_you_mean

_UNITS: dict[timedelta, tuple[str, ...]] = {
    timedelta(weeks=1): ("week", "weeks", "w"),
    timedelta(days=1): ("day", "days", "d"),
    timedelta(hours=1): ("hour", "hours", "hr", "hrs", "h"),
    timedelta(minutes=1): ("minute", "minutes", "min", "mins", "m"),
    timedelta(seconds=1): ("second", "seconds", "sec", "secs", "s"),
    timedelta(milliseconds=1): ("millisecond", "milliseconds", "ms"),
}
_BY_NAME = {name: unit for unit, names in _UNITS.items() for name in names}
_PART = re.compile(r"\s*(?:,|and\b)?\s*(\d+(?:\.\d+)?)\s*([^\W\d]*)\s*")
#: As long as an interval may be; what is longer does not fit into every database.
_LONGEST = timedelta(days=365 * 100)


def read_duration(text: str) -> timedelta:
    """
    Read a duration: one or more numbers, each with its unit.

    Raise ValueError, and say what was expected.
    """
    text = text.strip()
    if text == "0":
        return timedelta(0)
    if text.startswith("-"):
        raise ValueError(_("A duration cannot be negative."))
    total, position = timedelta(0), 0
    while position < len(text) or not text:
        part = _PART.match(text, position)
        if part is None:
            raise ValueError(
                _("%r is no duration; write it such as 90 s, 10 minutes, 1h 30m.")
                % text
            )
        total += _length(part[1], part[2].lower())
        if total > _LONGEST:
            raise ValueError(_("A duration lasts for at most 100 years."))
        position = part.end()
    return total


def _length(number: str, name: str) -> timedelta:
    if not name:
        raise ValueError(
            _("%s of what? Write %s s, %s minutes or %s hours.") % ((number,) * 4)
        )
    if name not in _BY_NAME:
        raise ValueError(
            _("There is no unit %(name)r%(hint)s")
            % {"name": name, "hint": did_you_mean(name, _main_names())}
        )
    try:
        return float(number) * _BY_NAME[name]
    except OverflowError:
        raise ValueError(_("A duration lasts for at most 100 years.")) from None


def _main_names() -> Iterable[str]:
    return [names[1] for names in _UNITS.values()]


def write_duration(span: timedelta) -> str:
    """Return a duration as `read_duration` takes it: 2 days, 1 hour 30 minutes."""
    if span < timedelta(0):
        return f"-{write_duration(-span)}"
    if span == timedelta(0):
        return "0"
    minutes, seconds = divmod(span, timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    counts = {
        "day": days,
        "hour": hours,
        "minute": minutes,
        "second": seconds.total_seconds(),
    }
    return " ".join(
        f"{_number(count)} {name}{'' if count == 1 else 's'}"
        for name, count in counts.items()
        if count
    )


def _number(count: float) -> str:
    return f"{count:.6f}".rstrip("0").rstrip(".")


class DurationField(forms.CharField):
    """Takes a duration in words, and shows it in words; see `empty_value`, too."""

    default_error_messages: ClassVar = {
        "required": gettext_lazy("Write a duration, such as 10 minutes."),
    }

    def to_python(self, value: Any) -> Any:
        """Return a timedelta; for nothing, `empty_value` if one was given, or None."""
        if isinstance(value, timedelta):
            return value
        text = "" if value is None else str(value).strip()
        if not text:
            return None if self.empty_value == "" else self.empty_value
        try:
            return read_duration(text)
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        """Return what the input shows."""
        return write_duration(value) if isinstance(value, timedelta) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether it is another duration, and not only written otherwise."""
        try:
            return bool(initial != self.to_python(data))
        except ValidationError:
            return True
