"""
The states and meta of `update_state()`, as the progress of a result.

    {"current": 3, "total": 10, "file": "a.csv"}  3 of 10, 'PROGRESS {"file": "a.csv"}'

Numbers named `current` and `total` become `done` and `total`, which taskhub shows as a
bar. Everything else is JSON in the message, after the name of the state.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from taskhub.tasks.context import MAX_PROGRESS

_MESSAGE = re.compile(r"(\w+)(?: (.+))?", re.DOTALL)


def pack(state: str, meta: Any) -> tuple[float, float | None, str]:
    """Return the arguments of `context.progress()` for a state and its meta."""
    done, total = 0.0, None
    if _is_counted(meta):
        meta = dict(meta)
        done, total = meta.pop("current"), meta.pop("total")
        meta = meta or None
    text = "" if meta is None else " " + json.dumps(meta, default=str)
    return done, total, f"{state}{text}"


def unpack(progress: Any) -> tuple[str, Any] | None:
    """Return the state and the meta of a row's progress; None if it has none."""
    if not isinstance(progress, Mapping):
        return None
    match = _MESSAGE.fullmatch(str(progress.get("message") or ""))
    if match is None or not match[1].isupper():
        return None
    try:
        meta = json.loads(match[2] or "null")
    except ValueError:
        return None
    if progress.get("total") is not None:
        counts = {"current": progress.get("done"), "total": progress["total"]}
        meta = counts | (meta or {})
    return match[1], meta


def _is_counted(meta: Any) -> bool:
    return isinstance(meta, Mapping) and all(
        type(meta.get(name)) in (int, float) and abs(meta[name]) <= MAX_PROGRESS
        for name in ("current", "total")
    )
