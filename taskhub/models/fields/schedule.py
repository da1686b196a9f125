"""A model field for schedules."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from taskhub.models.fields.names import ComparedExactly
from taskhub.schedules import Schedule, Unreadable, parse, read


class ScheduleField(ComparedExactly, models.CharField):  # type: ignore[type-arg]
    """
    A `Schedule` in Python, and its text in the database.

    Text may be assigned; saving it raises InvalidSchedule if it is not a schedule. Such
    text from SQL is read as an `Unreadable`, so that other rows can still be read.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_length": 255, **options})

    def from_db_value(self, value: str | None, *_: Any) -> Schedule | None:
        """Return the schedule of a column's text."""
        return None if value is None else read(str(value))

    def to_python(self, value: Any) -> Any:
        """Return the schedule of a text in a form or a fixture."""
        return (
            value if value is None or isinstance(value, Schedule) else read(str(value))
        )

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Raise ValidationError for text that is not a schedule."""
        super().validate(value, model_instance)
        if isinstance(value, Unreadable):
            raise ValidationError(value.reason, code="invalid")

    def run_validators(self, value: Any) -> None:
        """Check the length of the schedule's text."""
        super().run_validators(value.text if isinstance(value, Schedule) else value)

    def get_prep_value(self, value: Any) -> Any:
        """Return the text for the database."""
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return (value if isinstance(value, Schedule) else parse(str(value))).text

    def value_to_string(self, obj: models.Model) -> str:
        """Return the text for a fixture."""
        return self.get_prep_value(self.value_from_object(obj)) or ""
