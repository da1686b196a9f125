"""
Columns of JSON that hold one kind of value, such as a list.

SQL can write any value. An empty list or dict replaces a faulty value and keeps its
text, so that no page, query or worker fails, and a save writes the text back.
"""

from collections.abc import Callable
from typing import Any, Final

from django.db import models
from django.db.models.expressions import Col


class OddList(list[Any]):
    """An empty list in place of JSON of another kind; `text` has that JSON."""

    text: str


class OddObject(dict[str, Any]):
    """An empty dict in place of JSON of another kind; `text` has that JSON."""

    text: str


def is_odd(value: object) -> bool:
    """Return whether a value replaces JSON of another kind than its column's."""
    return isinstance(value, OddList | OddObject)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


#: For each kind: a test, and the class of the replacement for other values.
_KINDS: Final[
    dict[str, tuple[Callable[[object], bool], type[OddList] | type[OddObject]]]
] = {
    "list": (_is_list, OddList),
    "object": (_is_object, OddObject),
    "list of objects": (_is_list_of_objects, OddList),
    "list of texts": (_is_list_of_texts, OddList),
}


class ShapedJSONField(models.JSONField):
    """JSON of any kind, or of a key of `_KINDS`. A nullable column accepts null."""

    #: An INSERT does not return the value, since the instance has the default already.
    db_returning = False

    def __init__(self, *args: Any, kind: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.kind = kind

    def deconstruct(self) -> Any:
        """Add the kind to what a migration needs."""
        name, path, args, options = super().deconstruct()
        return name, path, args, options | ({"kind": self.kind} if self.kind else {})

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Parse a value; return an empty list or dict if it is of another kind."""
        # The value of an expression that is not a column may be of any kind.
        is_column = isinstance(expression, Col)
        if not (self.kind and is_column and isinstance(value, str)):
            return super().from_db_value(value, expression, connection)
        is_of_kind, odd_type = _KINDS[self.kind]
        try:
            read = super().from_db_value(value, expression, connection)
        except (ValueError, RecursionError):
            # Not JSON, too deep, or a number with thousands of digits.
            pass
        else:
            if is_of_kind(read) or (self.null and read is None):
                return read
        odd = odd_type()
        odd.text = value
        return odd

    def get_db_prep_value(
        self, value: Any, connection: Any, prepared: bool = False
    ) -> Any:
        """Return the value to write; for an odd value, the text that was read."""
        if isinstance(value, OddList | OddObject):
            return value.text
        return super().get_db_prep_value(value, connection, prepared)
