"""Form fields for JSON, with errors that name the expected type."""

import json
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _

LIST_EXPECTED = _('Expected a list as JSON, such as [1, "two"].')
OBJECT_EXPECTED = _('Expected an object as JSON, such as {"name": "value"}.')
VALUE_EXPECTED = _('Expected JSON, such as 42, "text" or [1, 2].')


def json_area(rows: int = 2) -> AdminTextareaWidget:
    """Return a text area for JSON."""
    return AdminTextareaWidget(
        attrs={
            "rows": rows,
            "class": "vLargeTextField taskhub-json",
            "spellcheck": "false",
        }
    )


class JSONField(forms.JSONField):
    """
    Django's field with two corrections.

    It refuses JSON with too many digits or nested levels, for which json.loads() raises
    errors that Django's field does not catch. After an error, it shows the submitted
    text and not the decoded value, which may contain a lone surrogate.
    """

    def to_python(self, value: Any) -> Any:
        """Return the value. Raise ValidationError if it is not valid JSON."""
        try:
            found = super().to_python(value)
            json.dumps(found)
        except (ValueError, RecursionError):
            raise ValidationError(
                self.error_messages["invalid"], code="invalid", params={"value": value}
            ) from None
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the submitted text, or the initial value of a disabled field."""
        if self.disabled or data is None:
            return initial if self.disabled else None
        return InvalidJSONInput(data)


class TypedJSONField(JSONField):
    """JSON of one type: a list, a dict, or any value if `kind` is None."""

    def __init__(self, kind: type | None = None, **options: Any) -> None:
        self.kind = kind
        options.setdefault("widget", json_area(rows=1 if kind is None else 2))
        options.setdefault("error_messages", {"invalid": self.expected})
        super().__init__(**options)

    @property
    def expected(self) -> Any:
        """Return the message of the error, which names the expected type."""
        by_kind: dict[type | None, Any] = {list: LIST_EXPECTED, dict: OBJECT_EXPECTED}
        return by_kind.get(self.kind, VALUE_EXPECTED)

    def prepare_value(self, value: Any) -> Any:
        """Return the text of the field, "" for None."""
        return "" if value is None else super().prepare_value(value)

    def clean(self, value: Any) -> Any:
        """Return the value. Raise ValidationError if it is of another type."""
        found = super().clean(value)
        given = found not in self.empty_values or isinstance(found, list | dict)
        if self.kind and given and not isinstance(found, self.kind):
            raise ValidationError(self.expected, code="invalid")
        # Django's field returns a subclass of str.
        return str(found) if isinstance(found, str) else found
