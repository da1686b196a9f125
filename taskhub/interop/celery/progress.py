"""
The states and meta of `update_state()`, as the progress of a result.

    {"current": 3, "total": 10, "file": "a.csv"}  3 of 10, 'PROGRESS {"file": "a.csv"}'

Numbers named `current` and `total` become `done` and `total`, which taskhub shows as a
bar. Everything else is JSON in the message, after the name of the state. A message is a
state if it is one word in capitals, or if an object of JSON follows. Others are the
messages of taskhub's own tasks.
"""

import json
import re
from collections.abc import Mapping
from types import NoneType
from typing import Any

from taskhub.tasks.context import MAX_PROGRESS

_WORD = re.compile(r"(\w+)(?: (.+))?", re.DOTALL)
_WITH_OBJECT = re.compile(r"(.+?) (\{.*\})", re.DOTALL)


def pack(state: str, meta: Any) -> tuple[float, float | None, str]:
    """
    Return the arguments of `context.progress()` for a state and its meta.

    A state that is not one word in capitals can be read again only with a dict.
    """
    done, total = 0.0, None
    if _is_counted(meta):
        meta = dict(meta)
        done, total = meta.pop("current"), meta.pop("total")
        meta = meta or None
    if meta is None and not _is_word_in_capitals(state):
        meta = {}
    text = "" if meta is None else " " + json.dumps(meta, default=str)
    return done, total, f"{state}{text}"


def unpack(progress: Any) -> tuple[str, Any] | None:
    """Return the state and the meta of a row's progress; None if it has none."""
    if not isinstance(progress, Mapping):
        return None
    message = str(progress.get("message") or "")
    match = _WITH_OBJECT.fullmatch(message)
    if match is None:
        match = _WORD.fullmatch(message)
        if match is None or not match[1].isupper():
            return None
    try:
        meta = json.loads(match[2] or "null")
    except ValueError:
        return None
    if progress.get("total") is not None:
        if not isinstance(meta, dict | NoneType):
            # A message of context.progress(), such as "PAGE 7".
            return None
        counts = {"current": progress.get("done"), "total": progress["total"]}
        meta = counts | (meta or {})
    return match[1], meta


def _is_word_in_capitals(state: str) -> bool:
    return state.isupper() and re.fullmatch(r"\w+", state) is not None


def _is_counted(meta: Any) -> bool:
    return isinstance(meta, Mapping) and all(
        type(meta.get(name)) in (int, float) and abs(meta[name]) <= MAX_PROGRESS
        for name in ("current", "total")
    )
