"""
Return values: as JSON in the row, and as values for the code that waits for them.

The task has done its work when it returns, so its annotation never makes it fail. A
value that does not fit the annotation is stored and read as if there was none.
"""

from collections.abc import Callable
from typing import Any

from taskhub.exceptions import InvalidArguments
from taskhub.tasks.codec.codec import return_converter_of


def encode_return(function: Callable[..., Any], takes_context: bool, value: Any) -> Any:
    """Return a return value in JSON's own types, if the annotation has others."""
    converter = return_converter_of(function, takes_context)
    if converter is None or value is None:
        return value
    try:
        return converter.encode(value, "return value", exactly=False)
    except InvalidArguments:
        return value


def decode_return(
    function: Callable[..., Any], takes_context: bool, stored: Any
) -> Any:
    """
    Return a stored return value as the annotation says. Block for model instances.

    Return it unchanged if it does not fit. Raise ReferenceGone if an instance is not in
    the database any more.
    """
    converter = return_converter_of(function, takes_context)
    if converter is None or stored is None:
        return stored
    try:
        return converter.decode(stored, "return value")
    except InvalidArguments:
        return stored


def returns_references(function: Callable[..., Any], takes_context: bool) -> bool:
    """Whether decode_return() makes queries."""
    converter = return_converter_of(function, takes_context)
    return converter is not None and converter.has_references
