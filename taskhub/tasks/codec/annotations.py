"""Annotations: which values they have, and whether JSON carries these as they are."""

import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from enum import Enum
from inspect import unwrap
from io import IOBase
from pathlib import PurePath
from typing import IO, Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from django.core.files.base import File
from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from msgspec import inspect

from taskhub.tasks.codec.hooks import is_pydantic_model

#: Types whose values are written and read as JSON without a change.
_PLAIN = (
    inspect.AnyType,
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.StrType,
)
#: Base classes of values that JSON has, and of what a caller may pass instead of them.
_JSON_CLASSES = (str, int, float, list, dict)
_AWARE = Annotated[datetime, msgspec.Meta(tz=True)]

#: What to write instead of an annotation whose values belong to one process.
_REMEDIES: tuple[tuple[type, str], ...] = (
    (HttpRequest, "pass the values that the task needs from it"),
    (HttpResponseBase, "pass its content"),
    (QuerySet, "pass a list of primary keys"),
    (Manager, "use it in the task"),
    (File, "save it and pass its name"),
    (IOBase, "save it and pass its name"),
    (IO, "save it and pass its name"),
    (types.FunctionType, "pass its name"),
    (type, "pass its name"),
    (AbstractContextManager, "open it in the task"),
)


def hints_of(function: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """
    Return the evaluated annotations of a function, and why others cannot be evaluated.

    Both are by the name of the parameter; "return" is that of the return value.
    """
    try:
        return get_type_hints(function, include_extras=True), {}
    except Exception:
        # Evaluating annotations runs the project's code, which may raise anything.
        # Evaluate them one by one, so that one alone cannot be used.
        return _hints_one_by_one(function)


def _hints_one_by_one(
    function: Callable[..., Any],
) -> tuple[dict[str, Any], dict[str, str]]:
    hints: dict[str, Any] = {}
    faults: dict[str, str] = {}
    # A decorator's own function has the annotations of the function that it wraps.
    known = getattr(unwrap(function), "__globals__", {})
    for name, annotation in getattr(function, "__annotations__", {}).items():
        alone = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            found = get_type_hints(alone, globalns=known, include_extras=True)
        except Exception as error:
            faults[name] = (
                f"cannot be evaluated ({error}); import its names where a worker "
                "imports them, and not only under TYPE_CHECKING"
            )
        else:
            hints |= found
    return hints, faults


def is_plain(annotation: Any) -> bool:
    """
    Whether values of an annotation are JSON already, with nothing to check.

    Raise TypeError if msgspec does not support the annotation.
    """
    if annotation is Any or annotation is object:
        return True
    return _is_plain(inspect.type_info(annotation))


def _is_plain(found: inspect.Type) -> bool:
    match found:
        case inspect.UnionType():
            return all(_is_plain(each) for each in found.types)
        case inspect.ListType():
            return found.min_length is found.max_length is None and _is_plain(
                found.item_type
            )
        case inspect.DictType():
            is_object = isinstance(found.key_type, inspect.StrType | inspect.AnyType)
            return is_object and _is_plain(found.value_type)
        case inspect.LiteralType():
            # Not every version of msgspec checks booleans.
            return all(isinstance(each, bool) for each in found.values)
        case inspect.CustomType():
            return _is_loose(found.cls)
    return isinstance(found, _PLAIN) and not _is_constrained(found)


def _is_constrained(found: inspect.Type) -> bool:
    """Whether a type has limits, from msgspec.Meta."""
    return any(getattr(found, name) is not None for name in found.__struct_fields__)


def _is_loose(cls: type) -> bool:
    """Whether a class stands for values of JSON: a subclass of str, or Iterable."""
    if issubclass(cls, Enum):
        # msgspec.inspect does not know the choices of Django, which are enums.
        return False
    if cls is object or issubclass(cls, _JSON_CLASSES):
        return True
    is_abstract = cls.__module__ == "collections.abc"
    return is_abstract and (issubclass(list, cls) or issubclass(str, cls))


def fault_of(annotation: Any) -> str:
    """Return why values of an annotation cannot travel; "" if they can."""
    try:
        found = inspect.type_info(annotation)
    except Exception as error:
        # The classes in an annotation are the project's code.
        return f"cannot be converted from JSON ({error})"
    for each in _parts_of(found, set()):
        if isinstance(each, inspect.CustomType) and (fault := _fault_of(each.cls)):
            return fault
    return ""


def _fault_of(cls: type) -> str:
    name = getattr(cls, "__qualname__", str(cls))
    if issubclass(cls, Model) and (cls is Model or cls._meta.abstract):
        return f"has {name}, which is abstract and has no rows; use one of its models"
    if _is_loose(cls) or issubclass(cls, Enum | Model) or is_pydantic_model(cls):
        return ""
    if issubclass(cls, PurePath):
        # A path was a context manager before Python 3.13.
        return f"has {name}, which taskhub cannot convert; pass str(value)"
    if issubclass(cls, types.GenericAlias) or name == "Callable":
        return f"never travels: {name} belongs to one process; pass its name"
    for base, remedy in _REMEDIES:
        if issubclass(cls, base):
            return f"never travels: {name} belongs to one process; {remedy}"
    return (
        f"has {name}, which taskhub cannot convert; use a dataclass or another "
        "supported type, or pass the values in it"
    )


def has_references(annotation: Any) -> bool:
    """Whether values of an annotation have model instances, which need queries."""
    parts = _parts_of(inspect.type_info(annotation), set())
    return any(map(_is_reference, parts))


def _is_reference(found: inspect.Type) -> bool:
    return isinstance(found, inspect.CustomType) and issubclass(found.cls, Model)


def _parts_of(found: Any, seen: set[int]) -> Iterator[inspect.Type]:
    """Yield a type and all types in it. A dataclass may have fields of its own type."""
    if id(found) in seen:
        return
    seen.add(id(found))
    if isinstance(found, tuple):
        for each in found:
            yield from _parts_of(each, seen)
    elif isinstance(found, inspect.Type | inspect.Field):
        if isinstance(found, inspect.Type):
            yield found
        for name in found.__struct_fields__:
            yield from _parts_of(getattr(found, name), seen)


def aware(annotation: Any) -> Any:
    """Return an annotation in which each datetime has to be aware."""
    if annotation is datetime:
        return _AWARE
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return Union[tuple(aware(each) for each in args)]  # noqa: UP007
    if isinstance(annotation, types.GenericAlias):
        return types.GenericAlias(origin, tuple(aware(each) for each in args))
    return annotation


def is_optional_reference(annotation: Any) -> bool:
    """Whether the values of an annotation are None, or an instance of a model."""
    found = inspect.type_info(annotation)
    return isinstance(found, inspect.UnionType) and all(
        isinstance(each, inspect.NoneType) or _is_reference(each)
        for each in found.types
    )


def name_of(annotation: Any) -> str:
    """Return an annotation as people write it."""
    if annotation is types.NoneType:
        return "None"
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__qualname__
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join(name_of(each) for each in get_args(annotation))
    return str(annotation).replace("typing.", "")
