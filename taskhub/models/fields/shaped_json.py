"""
Columns of JSON that hold one kind of value, such as a list.

Whoever edits a row at the database's prompt can put anything there. What is not of the
column's kind, or cannot be read at all, is read as an empty value that remembers its
text: no page, count or worker fails because of it, and it is written back as it was.
"""

from collections.abc import Callable
from typing import Any, Final

from django.db import models
from django.db.models.expressions import Col


class OddList(list[Any]):
    """An empty list in place of JSON that is of another kind; `text` is that JSON."""

    text: str


class OddObject(dict[str, Any]):
    """An empty dict in place of JSON that is of another kind; `text` is that JSON."""

    text: str


def is_odd(value: object) -> bool:
    """Whether a value stands for JSON of another kind than its column's."""
    return isinstance(value, OddList | OddObject)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


#: The kinds there are: how one is told, and what stands for JSON that is none.
_KINDS: Final[
    dict[str, tuple[Callable[[object], bool], type[OddList] | type[OddObject]]]
] = {
    "list": (_is_list, OddList),
    "object": (_is_object, OddObject),
    "list of objects": (_is_list_of_objects, OddList),
    "list of texts": (_is_list_of_texts, OddList),
}


class ShapedJSONField(models.JSONField):
    """
    JSON of one kind, a key of `_KINDS`, or of any; or null, if the column may be null.
    """

    #: An inserted row has the default already, and need not send it back.
    db_returning = False

    def __init__(self, *args: Any, kind: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.kind = kind

    def deconstruct(self) -> Any:
        """Return what a migration needs, with the kind."""
        name, path, args, options = super().deconstruct()
        return name, path, args, options | ({"kind": self.kind} if self.kind else {})

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Read a value; one of another kind is read as an empty one."""
        # What an expression makes of columns may be of any kind.
        is_column = isinstance(expression, Col)
        if not (self.kind and is_column and isinstance(value, str)):
            return super().from_db_value(value, expression, connection)
        is_right, odd_type = _KINDS[self.kind]
        try:
            read = super().from_db_value(value, expression, connection)
        except (ValueError, RecursionError):
            # No JSON at all, or too much of it: deep, or with thousands of digits.
            pass
        else:
            if is_right(read) or (self.null and read is None):
                return read
        odd = odd_type()
        odd.text = value
        return odd

    def get_db_prep_value(
        self, value: Any, connection: Any, prepared: bool = False
    ) -> Any:
        """Return what is to be written; of an odd value, what was read."""
        if isinstance(value, OddList | OddObject):
            return value.text
        return super().get_db_prep_value(value, connection, prepared)
