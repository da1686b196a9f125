"""Form fields for parameters whose values JSON does not have."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db.models import Model

from taskhub.admin.forms.date_time import MomentField

#: Their JSON is text, which people can read and write.
_WRITTEN_AS_TEXT = (UUID, date, time, timedelta, Decimal, bytes)


def typed_field(
    kind: Any, may_be_empty: bool, is_masked: bool, options: dict[str, Any]
) -> forms.Field | None:
    """Return the field for a type; None if it has none of its own."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Enum):
        return _member_field(kind, may_be_empty, options)
    if issubclass(kind, datetime) and not is_masked:
        return MomentField(**options | {"initial": as_moment(options["initial"])})
    if issubclass(kind, _WRITTEN_AS_TEXT):
        return _TextField(**options)
    return _KeyField(kind, **options) if issubclass(kind, Model) else None


class _TextField(forms.CharField):
    """The text of a value in JSON; the codec checks it."""

    widget = AdminTextInputWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(empty_value=None, **options)


class _KeyField(_TextField):
    """The primary key of a model instance."""

    def __init__(self, model: type[Model], **options: Any) -> None:
        super().__init__(**options)
        self._key: Any = model._meta.pk

    def to_python(self, value: Any) -> Any:
        """Return the key. Raise ValidationError if it is not one of the model."""
        text = super().to_python(value)
        return None if text is None else self._key.to_python(text)


def as_moment(value: Any) -> datetime | None:
    """Return the datetime that JSON has as text; None if it is not one."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _member_field(
    cls: type[Enum], may_be_empty: bool, options: dict[str, Any]
) -> forms.Field:
    """Return a select of the members of an enum, with the labels of Django's."""
    by_text = {str(member.value): member for member in cls}
    choices = [
        (text, str(getattr(member, "label", member.name)))
        for text, member in by_text.items()
    ]
    coerce: Callable[[str], Any] = by_text.__getitem__
    return forms.TypedChoiceField(
        choices=[("", "---------"), *choices] if may_be_empty else choices,
        coerce=coerce,
        empty_value=None,
        **options,
    )
