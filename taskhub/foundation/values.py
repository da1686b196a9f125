"""
What JSON can carry, on every database that taskhub runs on.

The limits come from the strictest of them: PostgreSQL refuses NUL and lone surrogates
in text, and NaN in JSON; MariaDB's JSON_VALID refuses more than 31 levels.

`walk` turns a value into JSON's own types and asks what to do about whatever does not
fit. There are two answers to that: arguments are refused, with advice, while whoever
enqueues can still change them (`tasks/arguments.py`); return values are the product of
work, so what can be kept of them is kept (`execution/return_values.py`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

#: So deep may a value nest; it is stored inside containers of ours.
MAX_DEPTH = 28

_MOST_SHOWN = 200

#: Python's own limit, unless it was changed, on integers from and to text.
MAX_DIGITS = 4_300
_LARGEST = 10**MAX_DIGITS

_UNSTORABLE = {0: "\\u0000"} | {
    code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)
}


class Oddity(Enum):
    """A way in which a value does not fit."""

    #: Text with a NUL or a lone surrogate.
    TEXT = auto()
    #: NaN or an infinity.
    NUMBER = auto()
    #: An integer of more digits than Python reads as text.
    DIGITS = auto()
    #: Bytes that are not UTF-8.
    BYTES = auto()
    #: A key that is no string.
    KEY = auto()
    #: A mapping of which two keys are the same in JSON, such as 1 and "1".
    KEYS = auto()
    #: A container below MAX_DEPTH others.
    DEPTH = auto()
    #: Anything that is neither a scalar, nor a mapping, nor a sequence.
    TYPE = auto()


#: Given the oddity, the value and where it is ("args[0]['when']"), returns what to take
#: instead, or raises. For DEPTH, what it returns is walked on into; for KEYS, the last
#: of the values is taken.
OnOddity = Callable[[Oddity, Any, str], Any]


def is_storable_text(text: str) -> bool:
    """Whether every database takes this text as it is."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return "\0" not in text


def escape_text(text: str) -> str:
    r"""Write NUL and lone surrogates as the six characters \uXXXX."""
    return text if is_storable_text(text) else text.translate(_UNSTORABLE)


def show_foreign(text: str) -> str:
    r"""
    Return a text that anybody may have written for one line of a log.

    Up to 200 characters of it, with what cannot be printed as \uXXXX.
    """
    shown = (
        each if each.isprintable() else f"\\u{ord(each):04x}"
        for each in text[:_MOST_SHOWN]
    )
    return "".join(shown)[:_MOST_SHOWN]


def walk(value: Any, where: str, on_oddity: OnOddity, depth: int = 0) -> Any:
    """
    Return `value` in JSON's own types, as `django.tasks` normalizes them.

    Mappings become dicts, sequences lists, UTF-8 bytes text, and subclasses of the
    built-in types those types. Everything else is up to `on_oddity`.
    """
    if isinstance(value, str):
        return _walk_text(value, where, on_oddity)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        is_odd = not -_LARGEST < value < _LARGEST
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
    # The content of the string itself; str() of an Enum would be its name.
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
        elif isinstance(key, int) and not -_LARGEST < key < _LARGEST:
            name = key = on_oddity(Oddity.DIGITS, key, f"a key of {where}")
        else:
            name = on_oddity(Oddity.KEY, key, where)
        walked[name] = walk(item, f"{where}[{key!r}]", on_oddity, depth)
    if len(walked) < len(value):
        on_oddity(Oddity.KEYS, value, where)
    return walked
