"""
Values that every supported database can store as JSON.

The limits are those of the strictest database: PostgreSQL refuses NUL and lone
surrogates in text, and NaN in JSON; MariaDB's JSON_VALID refuses more than 31 levels.

`walk` converts a value to JSON's types, and calls a function for each part that does
not fit. The function raises an error with advice for arguments (`tasks/arguments.py`),
and returns a replacement for return values (`execution/return_values.py`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

#: How many levels a value may nest. The containers in which it is stored add levels.
MAX_DEPTH = 28

_MAX_SHOWN_CHARACTERS = 200

#: Python's default limit of digits for integers from and to text.
MAX_DIGITS = 4_300
_INTEGER_LIMIT = 10**MAX_DIGITS

_UNSTORABLE = {0: "\\u0000"} | {
    code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)
}


class Oddity(Enum):
    """Why a value cannot be stored as JSON."""

    #: Text with a NUL or a lone surrogate.
    TEXT = auto()
    #: NaN or an infinity.
    NUMBER = auto()
    #: An integer of more than MAX_DIGITS digits.
    DIGITS = auto()
    #: Bytes that are not UTF-8.
    BYTES = auto()
    #: A key that is not a string.
    KEY = auto()
    #: A mapping with two keys that are the same in JSON, such as 1 and "1".
    KEYS = auto()
    #: A container inside MAX_DEPTH other containers.
    DEPTH = auto()
    #: Anything but a scalar, a mapping or a sequence.
    TYPE = auto()


#: A function of the oddity, the value and its position ("args[0]['when']"). It returns
#: a replacement, or raises an error. `walk` also converts a replacement for DEPTH. It
#: ignores a replacement for KEYS, and keeps the last of the values.
OnOddity = Callable[[Oddity, Any, str], Any]


def is_storable_text(text: str) -> bool:
    """Return whether every database can store this text."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return "\0" not in text


def escape_text(text: str) -> str:
    r"""Replace each NUL and lone surrogate with the six characters \uXXXX."""
    return text if is_storable_text(text) else text.translate(_UNSTORABLE)


def show_foreign(text: str) -> str:
    r"""Return at most 200 characters of untrusted text, unprintable ones as \uXXXX."""
    shown = (
        each if each.isprintable() else f"\\u{ord(each):04x}"
        for each in text[:_MAX_SHOWN_CHARACTERS]
    )
    return "".join(shown)[:_MAX_SHOWN_CHARACTERS]


def walk(value: Any, where: str, on_oddity: OnOddity, depth: int = 0) -> Any:
    """
    Return `value` in JSON's types, as `django.tasks` normalizes them.

    Mappings become dicts, sequences lists, and UTF-8 bytes text. Subclasses of built-in
    types become these types. Everything else is passed to `on_oddity`. `where` is the
    value's position, and `depth` the number of containers it is in.
    """
    if isinstance(value, str):
        return _walk_text(value, where, on_oddity)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        is_odd = not -_INTEGER_LIMIT < value < _INTEGER_LIMIT
        return on_oddity(Oddity.DIGITS, value, where) if is_odd else int(value)
    if isinstance(value, float):
        is_odd = not math.isfinite(value)
        return on_oddity(Oddity.NUMBER, value, where) if is_odd else float(value)
    if isinstance(value, bytes | bytearray):
        return _walk_bytes(value, where, on_oddity)
    if isinstance(value, Mapping | Sequence):
        if depth >= MAX_DEPTH:
            value = on_oddity(Oddity.DEPTH, value, where)
        return _walk_container(value, where, on_oddity, depth + 1)
    return on_oddity(Oddity.TYPE, value, where)


def _walk_text(value: str, where: str, on_oddity: OnOddity) -> Any:
    # str() would return the name of a member of an Enum, and not its content.
    text = str.__str__(value)
    return text if is_storable_text(text) else on_oddity(Oddity.TEXT, text, where)


def _walk_bytes(value: bytes | bytearray, where: str, on_oddity: OnOddity) -> Any:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return on_oddity(Oddity.BYTES, value, where)
    return _walk_text(text, where, on_oddity)


def _walk_container(
    value: Mapping[Any, Any] | Sequence[Any],
    where: str,
    on_oddity: OnOddity,
    depth: int,
) -> dict[str, Any] | list[Any]:
    if not isinstance(value, Mapping):
        return [
            walk(item, f"{where}[{index}]", on_oddity, depth)
            for index, item in enumerate(value)
        ]
    walked = {}
    for key, item in value.items():
        if isinstance(key, str):
            name = _walk_text(key, f"a key of {where}", on_oddity)
        elif isinstance(key, int) and not -_INTEGER_LIMIT < key < _INTEGER_LIMIT:
            name = key = on_oddity(Oddity.DIGITS, key, f"a key of {where}")
        else:
            name = on_oddity(Oddity.KEY, key, where)
        walked[name] = walk(item, f"{where}[{name!r}]", on_oddity, depth)
    if len(walked) < len(value):
        on_oddity(Oddity.KEYS, value, where)
    return walked
