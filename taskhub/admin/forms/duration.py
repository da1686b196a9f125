"""A form field for durations, such as 10 minutes or 1:30:00."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.duration import duration_string
from django.utils.translation import gettext_lazy as _

from taskhub.exceptions import InvalidSchedule
from taskhub.schedules import parse
from taskhub.schedules.interval import UNITS

#: Not every database can store a longer duration.
MAX_DURATION = timedelta(days=365 * 100)


def write_duration(span: timedelta) -> str:
    """Return a duration as DurationField reads it: 90 minutes, or 0:00:01.500000."""
    for unit, length in UNITS.items():
        if unit != "milliseconds" and span and not span % length:
            count = span // length
            return f"{count} {unit if count != 1 else unit.removesuffix('s')}"
    return duration_string(span)


class DurationField(forms.DurationField):
    """Django's field, which also takes a number with a unit: 10 minutes."""

    default_error_messages: ClassVar = {
        "invalid": _("Enter a duration, such as 10 minutes or 1:30:00."),
    }

    def __init__(self, *, empty_value: timedelta | None = None, **options: Any) -> None:
        limits = [MinValueValidator(timedelta(0)), MaxValueValidator(MAX_DURATION)]
        super().__init__(validators=limits, **options)
        self.empty_value = empty_value

    def to_python(self, value: Any) -> timedelta | None:
        """Return a timedelta, or `empty_value` for an empty field."""
        if value in self.empty_values:
            return self.empty_value
        try:
            interval: Any = parse(f"every {value}".lower())
        except InvalidSchedule:
            return super().to_python(value)
        period: timedelta = interval.period
        return period

    def prepare_value(self, value: Any) -> Any:
        """Return the text of the input."""
        return write_duration(value) if isinstance(value, timedelta) else value
