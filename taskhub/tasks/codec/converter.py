"""`Converter`: writes values of one annotation as JSON, and reads them back."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.core.exceptions import SynchronousOnlyOperation
from django.db import Error

from taskhub.exceptions import InvalidArguments, ReferenceGone
from taskhub.foundation.values import Oddity, walk
from taskhub.tasks.arguments import refuse
from taskhub.tasks.codec.annotations import (
    aware,
    has_references,
    is_optional_reference,
    name_of,
)
from taskhub.tasks.codec.arrival import find_loss
from taskhub.tasks.codec.hooks import LoadHook, encode_object, read_without_query

_MINUTE = timedelta(minutes=1)
#: msgspec names the value, which may belong to a masked parameter.
_SHOWN_VALUE = re.compile(r"(Invalid (?:enum )?value) .*?(?= - at|$)", re.DOTALL)


class Converter:
    """
    Writes and reads values of one annotation.

    `where` is the position of a value, such as "args[0]", and `name` its parameter's.
    Both are for errors, which never show the value.
    """

    __slots__ = ("_holder", "annotation", "has_references", "name")

    def __init__(self, name: str, annotation: Any) -> None:
        self.name = name
        self.annotation = annotation
        self.has_references = has_references(annotation)
        # msgspec prepares the types of a Struct's fields once, and others each time.
        self._holder = msgspec.defstruct(
            "Holder", [("value", aware(annotation))], array_like=True
        )

    def encode(self, value: Any, where: str, *, exactly: bool = True) -> Any:
        """
        Return a value in JSON's own types.

        Raise InvalidArguments for a value that would not arrive: it is read back here.
        Without `exactly`, a part of a value may get lost, but not its model.
        """
        try:
            built = _build(value)
        except Exception as error:
            # Properties and iterators of the value are the project's code.
            raise self._misfit(where, error) from None
        encoded = walk(built, where, _write)
        found = self._read(encoded, where, read_without_query)
        is_compared = exactly or self.has_references
        if is_compared and (loss := find_loss(value, found, where)):
            raise InvalidArguments(f"{loss} {self._rule}")
        return encoded

    def check(self, value: Any, where: str) -> None:
        """Raise InvalidArguments if JSON does not fit the annotation. No query."""
        self._read(value, where, read_without_query)

    def decode(self, value: Any, where: str) -> Any:
        """
        Return the value for JSON. Block for a query for each model instance.

        Raise InvalidArguments if it does not fit, and ReferenceGone if an instance is
        not in the database any more. For a model or None, return None instead.
        """
        if not self.has_references:
            return self._read(value, where, read_without_query)
        hook = LoadHook()
        found = self._read(value, where, hook.decode)
        if not hook.gone:
            return found
        if is_optional_reference(self.annotation):
            return None
        raise ReferenceGone(f"{hook.gone[0]} is gone.")

    def _read(self, value: Any, where: str, hook: Callable[[type, Any], Any]) -> Any:
        try:
            holder: Any = msgspec.convert(
                [value], self._holder, dec_hook=hook, str_keys=True
            )
        except msgspec.ValidationError as error:
            raise self._misfit(where, error) from None
        except (Error, SynchronousOnlyOperation):
            # Reading an instance has failed, which is not a fault of the value.
            raise
        except Exception as error:
            # The classes in an annotation are the project's code.
            raise self._misfit(where, error) from None
        return holder.value

    def _misfit(self, where: str, error: Exception) -> InvalidArguments:
        text = _SHOWN_VALUE.sub(r"\1", str(error)).replace("`$[0]", "`$")
        text = text.removesuffix(" - at `$`").rstrip(".")
        if isinstance(error, InvalidArguments):
            text = f"Unsupported type: {where} ({self.name!r}) {text}."
            return InvalidArguments(f"{text} {self._rule}")
        return InvalidArguments(
            f"{where} ({self.name!r}) does not fit its annotation, "
            f"{name_of(self.annotation)}: {text}."
        )

    @property
    def _rule(self) -> str:
        return f"The annotation of {self.name!r} is {name_of(self.annotation)}."


def _build(value: Any) -> Any:
    """Return a value in JSON's own types, except for datetimes; see _write()."""
    try:
        return msgspec.to_builtins(
            value, enc_hook=encode_object, str_keys=True, builtin_types=(datetime,)
        )
    except TypeError:
        # For example, a datetime is the key of a dict.
        return msgspec.to_builtins(value, enc_hook=encode_object, str_keys=True)


def _write(oddity: Oddity, value: Any, where: str) -> Any:
    """Return the text of a datetime. Raise InvalidArguments for other values."""
    if oddity is Oddity.TYPE and isinstance(value, datetime):
        return write_datetime(value, where)
    return refuse(oddity, value, where)


def write_datetime(value: datetime, where: str) -> str:
    """Return an aware datetime as text. Raise InvalidArguments for a naive one."""
    offset = value.utcoffset()
    if offset is None:
        raise InvalidArguments(
            # The message begins as Django's own.
            f"Unsupported type: {where} is a naive datetime; pass an aware one, such "
            "as timezone.now()."
        )
    if offset % _MINUTE:
        # Local mean times of the 19th century; ISO 8601 has no seconds in an offset.
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise InvalidArguments(f"{where} is at an end of the calendar.") from None
    text: str = msgspec.to_builtins(value)
    return text
