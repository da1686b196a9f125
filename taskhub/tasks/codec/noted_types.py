"""
Types of values without an annotation, which are noted beside the arguments.

The arguments in a row are plain JSON, in which a UUID is a text. The notes say which of
these texts were something else: {"args[0]": "uuid", "kwargs['when']": "datetime"}. The
list of types is closed, and nothing is imported because a message names it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from taskhub.exceptions import InvalidArguments
from taskhub.foundation.values import Oddity, walk
from taskhub.tasks.arguments import refuse
from taskhub.tasks.codec.converter import write_datetime
from taskhub.tasks.codec.hooks import as_exact

_TYPES: dict[str, type] = {
    "uuid": UUID,
    # A datetime is a date, too, so it comes first.
    "datetime": datetime,
    "date": date,
    "time": time,
    "timedelta": timedelta,
    "decimal": Decimal,
}


class Notes(dict[str, str]):
    """
    The noted types of a call, by the position of the value.

    `may_annotate` says whether annotations of the function have an effect.
    """

    def __init__(self, *, may_annotate: bool = True) -> None:
        super().__init__()
        self._may_annotate = may_annotate

    def encode(self, value: Any, where: str) -> Any:
        """Return a value in JSON's own types. Raise InvalidArguments."""
        return walk(value, where, self.note)

    def note(self, oddity: Oddity, value: Any, where: str) -> Any:
        """Return the text of a value, and note its type. Raise InvalidArguments."""
        found = find_type(value) if oddity is Oddity.TYPE else None
        if found is None:
            return refuse(oddity, value, where, may_annotate=self._may_annotate)
        self[where], exact = found
        if isinstance(exact, datetime):
            return write_datetime(exact, where)
        return msgspec.to_builtins(exact)


def find_type(value: object) -> tuple[str, Any] | None:
    """Return a type's name, and a value as its instance; None for other types."""
    for name, cls in _TYPES.items():
        if isinstance(value, cls):
            return name, value if type(value) is cls else as_exact(value)
    return None


def text_of(value: object) -> str | None:
    """Return the text of a value with one of these types; None for other types."""
    found = find_type(value)
    if found is None:
        return None
    text: str = msgspec.to_builtins(found[1])
    return text


def restored(
    args: Sequence[Any], kwargs: Mapping[str, Any], types: Mapping[str, str]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call as restore() does."""
    return (
        [restore(arg, f"args[{i}]", types) for i, arg in enumerate(args)],
        {
            name: restore(arg, f"kwargs[{name!r}]", types)
            for name, arg in kwargs.items()
        },
    )


def restore(value: Any, where: str, types: Mapping[str, str]) -> Any:
    """
    Return a value as it was before its types were noted.

    Raise InvalidArguments if a note does not fit, as after a change of the row.
    """
    if isinstance(value, list):
        return [restore(each, f"{where}[{i}]", types) for i, each in enumerate(value)]
    if isinstance(value, dict):
        return {
            key: restore(each, f"{where}[{key!r}]", types)
            for key, each in value.items()
        }
    if (name := types.get(where)) is None:
        return value
    try:
        return msgspec.convert(value, _TYPES[name])
    except (KeyError, msgspec.ValidationError):
        raise InvalidArguments(f"{where} is not a valid {name}.") from None
