"""A model field that holds a schedule, as its text."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from taskhub.models.fields.names import ComparedExactly
from taskhub.schedules import Schedule, Unreadable, parse, read


class ScheduleField(ComparedExactly, models.CharField):  # type: ignore[type-arg]
    """
    A `Schedule` in Python, its text in the database.

    Text is taken, too, and refused with InvalidSchedule if it is none. Text that plain
    SQL or a fixture has is read as an `Unreadable` if it is none, so that one bad row
    does not make all others unreadable with it.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_length": 255, **options})

    def from_db_value(self, value: str | None, *_: Any) -> Schedule | None:
        """Read what the database has."""
        return None if value is None else read(str(value))

    def to_python(self, value: Any) -> Any:
        """Read what a form or a fixture has."""
        return (
            value if value is None or isinstance(value, Schedule) else read(str(value))
        )

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Refuse text that is no schedule, where somebody has written it."""
        super().validate(value, model_instance)
        if isinstance(value, Unreadable):
            raise ValidationError(value.reason, code="invalid")

    def run_validators(self, value: Any) -> None:
        """Check the length of the text, and not that of a schedule."""
        super().run_validators(value.text if isinstance(value, Schedule) else value)

    def get_prep_value(self, value: Any) -> Any:
        """Return the text that the database gets."""
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return (value if isinstance(value, Schedule) else parse(str(value))).text

    def value_to_string(self, obj: models.Model) -> str:
        """Return the text that a fixture gets."""
        return self.get_prep_value(self.value_from_object(obj)) or ""
