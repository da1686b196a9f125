"""Arguments of a call: as JSON when it is enqueued, and as values when it runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from taskhub.exceptions import InvalidArguments
from taskhub.tasks.arguments import (
    check_arguments,
    check_fit,
    check_value,
    signature_of,
)
from taskhub.tasks.codec.codec import PLAIN_CODEC, codec_of
from taskhub.tasks.codec.converter import Converter
from taskhub.tasks.codec.noted_types import Notes, restore
from taskhub.tasks.functions import uses_annotations


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """The arguments of a call in JSON's own types."""

    args: list[Any]
    kwargs: dict[str, Any]
    #: The types of values without an annotation; see noted_types.py. Usually None.
    types: dict[str, str] | None


def encode(
    function: Callable[..., Any],
    takes_context: bool,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Encoded:
    """
    Return the arguments of a call in JSON's own types.

    Raise InvalidArguments if they do not fit the signature, or a value would not arrive
    in the worker.
    """
    codec = codec_of(function, takes_context)
    notes = Notes(may_annotate=uses_annotations(function))
    if codec is None:
        plain = check_arguments(function, takes_context, args, kwargs, notes.note)
        return Encoded(*plain, notes or None)
    check_fit(function, takes_context, args, kwargs)

    def write(converter: Converter | None, value: Any, where: str) -> Any:
        return (converter or notes).encode(value, where)

    return Encoded(*codec.each(args, kwargs, write), notes or None)


def encode_without_notes(
    function: Callable[..., Any],
    takes_context: bool,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> tuple[list[Any], dict[str, Any]]:
    """Return arguments as encode() does. Raise InvalidArguments if they need notes."""
    encoded = encode(function, takes_context, args, kwargs)
    for where, name in (encoded.types or {}).items():
        remedy = "pass the text of the value"
        if uses_annotations(function):
            remedy = f"annotate its parameter, or {remedy}"
        raise InvalidArguments(
            f"{where} is a {name}, which JSON cannot carry; {remedy}."
        )
    return encoded.args, encoded.kwargs


def encode_argument(task: Any, name: str, value: Any) -> Any:
    """
    Return one argument of a task in JSON's own types, by the name of its parameter.

    Raise InvalidArguments if it does not fit the annotation, or JSON cannot carry it.
    """
    codec = codec_of(task.func, task.takes_context) or PLAIN_CODEC
    converter = codec.of_parameter(name)
    return (
        check_value(value, name) if converter is None else converter.encode(value, name)
    )


def encode_bound(task: Any, name: str, value: Any) -> Any:
    """
    Return what a row has for a parameter, whose value comes from Signature.bind().

    Raise InvalidArguments as encode() does.
    """
    codec = codec_of(task.func, task.takes_context) or PLAIN_CODEC
    notes = Notes(may_annotate=uses_annotations(task.func))
    write = (codec.of_parameter(name) or notes).encode
    parameter = signature_of(task.func, task.takes_context).parameters[name]
    if parameter.kind is parameter.VAR_POSITIONAL:
        return [write(each, name) for each in value]
    if parameter.kind is parameter.VAR_KEYWORD:
        return {key: write(each, name) for key, each in value.items()}
    return write(value, name)


def decode(
    function: Callable[..., Any],
    takes_context: bool,
    args: list[Any],
    kwargs: dict[str, Any],
    types: Mapping[str, str] | None = None,
) -> tuple[list[Any], dict[str, Any]]:
    """
    Return the arguments that the function takes. Block for a query for each reference.

    Raise InvalidArguments if JSON does not fit an annotation, and ReferenceGone if an
    instance is not in the database any more.
    """
    codec = codec_of(function, takes_context)
    if codec is None and not types:
        return args, kwargs

    def read(converter: Converter | None, value: Any, where: str) -> Any:
        if converter is not None:
            return converter.decode(value, where)
        return restore(value, where, types) if types else value

    return (codec or PLAIN_CODEC).each(args, kwargs, read)


def check_readable(
    function: Callable[..., Any],
    takes_context: bool,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> None:
    """Raise InvalidArguments if JSON does not fit an annotation. Make no query."""
    codec = codec_of(function, takes_context)
    if codec is not None:
        codec.each(args, kwargs, _check)


def has_references(function: Callable[..., Any], takes_context: bool) -> bool:
    """Whether decode() makes queries."""
    codec = codec_of(function, takes_context)
    return codec is not None and codec.has_references


def _check(converter: Converter | None, value: Any, where: str) -> None:
    if converter is not None:
        converter.check(value, where)
