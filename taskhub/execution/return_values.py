"""Return values as rows store them, as completely as possible."""

import json
from typing import Any

from taskhub.foundation.values import MAX_DEPTH, Oddity, escape_text, walk
from taskhub.tasks.codec import text_of

#: A value that nests deeper most likely contains itself.
_MAX_LEVELS = 200
#: How many places a note names.
_MAX_NAMED_PLACES = 5


class StorableValue:
    """
    A return value as it can be stored, and notes about what had to be changed.

    `value` is for the column. `notes` may have these keys: "escaped" if characters or
    numbers were escaped; "merged" if keys are equal in JSON, so that only one of their
    values is kept; "truncated" if the value is kept as text, or only the beginning of
    this text is kept.

    UUIDs, dates, times and decimals become text. Raise TypeError for other types that
    JSON cannot hold, or a value nested too deeply.
    """

    __slots__ = ("_escaped", "_is_deep", "_merged", "notes", "value")

    def __init__(self, raw: Any, *, max_bytes: int) -> None:
        self.notes: dict[str, str] = {}
        self._escaped: list[str] = []
        self._merged: list[str] = []
        self._is_deep = False
        self.value: Any = walk(raw, "return value", self._keep)
        if self._escaped:
            self.notes["escaped"] = _name_places(self._escaped)
        if self._merged:
            self.notes["merged"] = _name_places(self._merged)
        if not isinstance(self.value, bool | float | None):
            self._fit(max_bytes)

    def _keep(self, oddity: Oddity, value: Any, where: str) -> Any:
        match oddity:
            case Oddity.TEXT:
                self._escaped.append(where)
                return escape_text(value)
            case Oddity.NUMBER:
                self._escaped.append(where)
                return repr(float(value))
            case Oddity.DIGITS:
                self._escaped.append(where)
                return hex(value)
            case Oddity.KEY if value is None or isinstance(value, bool | int | float):
                # json.dumps() writes such keys in the same way.
                return json.dumps(value)
            case Oddity.KEYS:
                self._merged.append(where)
                return value
            case Oddity.DEPTH:
                self._is_deep = True
                _check_levels(where)
                return value
        if (text := text_of(value)) is not None:
            return text
        raise TypeError(
            f"Unsupported type. The {where} is of type {type(value).__qualname__}, "
            "which JSON cannot hold; return strings, numbers, booleans, None, lists "
            "and dicts."
        )

    def _fit(self, max_bytes: int) -> None:
        """Replace a value that is too deep or too large by text."""
        text = json.dumps(self.value, ensure_ascii=False)
        size = len(text) if text.isascii() else len(text.encode())
        if size > max_bytes:
            # The text is stored as JSON, where a character may need six bytes: \uXXXX.
            self.value = text.encode()[: max_bytes // 6].decode(errors="ignore")
            self.notes["truncated"] = (
                f"It is {size:,} bytes of JSON; the first {len(self.value):,} "
                "characters are kept, as text."
            )
        elif self._is_deep:
            self.value = text
            self.notes["truncated"] = (
                f"It nests deeper than {MAX_DEPTH} levels; its JSON is kept, as text."
            )


def _check_levels(where: str) -> None:
    if where.count("[") > _MAX_LEVELS:
        raise TypeError(
            f"The return value nests deeper than {_MAX_LEVELS} levels; does it contain "
            "itself?"
        )


def _name_places(places: list[str]) -> str:
    more = len(places) - _MAX_NAMED_PLACES
    named = ", ".join(places[:_MAX_NAMED_PLACES])
    return f"{named} and {more} more" if more > 0 else named
