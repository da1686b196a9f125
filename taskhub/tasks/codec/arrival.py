"""
The check that a value arrives as it was passed.

A worker makes the value of JSON by the annotation alone. The fields of a subclass, the
types of the items in a plain `set` and the private attributes of attrs are not in it.
They would get lost, and nobody would notice.
"""

import dataclasses
from collections.abc import Container, Iterable, Mapping, Set
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model

from taskhub.tasks.arguments import class_of
from taskhub.tasks.codec.hooks import is_pydantic_model

_JSON_SCALARS = (str, int, float, type(None))


def find_loss(passed: Any, arrived: Any, where: str) -> str:
    """
    Return which part of a value would arrive changed, as a sentence; "" if none would.

    JSON that is passed instead of a value is meant to be converted, and is no loss.
    """
    if _is_equal(passed, arrived):
        return ""
    if _is_changed(passed, arrived):
        name, other = class_of(passed).__qualname__, class_of(arrived).__qualname__
        if name == other:
            return (
                f"{where} would arrive with another value, since its JSON does not "
                "have all of it; pass it as plain values."
            )
        return (
            f"{where} is of type {name}, and would arrive as type {other}; write its "
            "own type into the annotation."
        )
    # The items of a set arrive in another order.
    arrived_parts = {} if isinstance(arrived, Set) else _parts_of(arrived)
    for key, part in _parts_of(passed).items():
        # A key may have been converted, too: "1" becomes 1.
        if key in arrived_parts:
            loss = find_loss(part, arrived_parts[key], f"{where}[{key!r}]")
            if loss:
                return loss
    return ""


def _is_equal(passed: Any, arrived: Any) -> bool:
    """Whether a value arrives as it was, which nearly all values do."""
    try:
        return type(passed) is type(arrived) and bool(passed == arrived)
    except Exception:
        # A class of the project, or a signaling NaN, refuses it. Compare the parts.
        return False


def _is_changed(passed: Any, arrived: Any) -> bool:
    """Whether a value would arrive changed, apart from its parts."""
    is_same_type = type(passed) is type(arrived)
    match passed:
        case Model():
            return not isinstance(passed, type(arrived))
        case Mapping():
            # A TypedDict leaves out the keys that it does not have.
            return isinstance(arrived, Mapping) and (
                len(arrived) < len(passed) or _lacks(arrived, passed, (str,))
            )
        case set() | frozenset():
            return isinstance(arrived, Set) and _lacks(arrived, passed, _JSON_SCALARS)
        case list() | tuple():
            return False
        case datetime() | Decimal():
            # A local time that occurs twice, and NaN, are not equal to themselves.
            return not isinstance(arrived, datetime | Decimal)
    if _field_names(passed) is not None:
        return not is_same_type
    is_json = isinstance(passed, _JSON_SCALARS) and not is_same_type
    return not is_json and bool(passed != arrived)


def _lacks(
    arrived: Container[Any], passed: Iterable[Any], json_types: tuple[type, ...]
) -> bool:
    """Whether keys or items are missing in a container, except for those of JSON."""
    converted = (*json_types, datetime, Decimal)
    return any(
        each not in arrived for each in passed if not isinstance(each, converted)
    )


def _parts_of(value: Any) -> Mapping[Any, Any]:
    """Return the parts of a value by their keys, indexes or names."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return dict(enumerate(value))
    names = _field_names(value) or ()
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _field_names(value: Any) -> list[str] | None:
    """Return the names of the fields of a record; None for other values."""
    cls = type(value)
    if dataclasses.is_dataclass(cls):
        return [each.name for each in dataclasses.fields(cls)]
    if hasattr(cls, "__attrs_attrs__"):
        return [each.name for each in cls.__attrs_attrs__]
    if hasattr(cls, "__struct_fields__"):
        return list(cls.__struct_fields__)
    if is_pydantic_model(cls):
        return [name for name, _value in value]
    return None
