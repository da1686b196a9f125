"""Keys of rows as addresses and forms have them: written by anybody."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field, IntegerField

from taskhub.foundation.values import is_storable_text

#: A key with more digits is none: databases count to 2**63.
_MAX_DIGITS = 18


def read_key(text: str) -> int | None:
    """Return the key of a row that counts its rows; None if the text is none."""
    is_key = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    return int(text) if is_key else None


def may_be_key(field: "Field[Any, Any]", text: str) -> bool:
    """Whether a database can be asked for a row by a key, of a field."""
    if isinstance(field, IntegerField):
        return read_key(text) is not None
    try:
        field.to_python(text)
    except ValidationError:
        return False
    return is_storable_text(text)
