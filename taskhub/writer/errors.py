"""Exceptions as they are stored in rows."""

import sysconfig
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from types import TracebackType
from typing import Any

from taskhub.foundation.exception_tree import members
from taskhub.foundation.values import escape_text
from taskhub.writer.attempts import Attempt

_MAX_TRACEBACK_CHARACTERS = 64 * 1024
_MAX_MESSAGE_CHARACTERS = 2 * 1024
#: How many exceptions of a group are named in its message.
_MAX_NAMED_EXCEPTIONS = 10


def describe_error(
    error: BaseException, *, attempt: int, failed_at: datetime, hide: str | None = None
) -> dict[str, Any]:
    """
    Return an entry of `TaskResult.errors`.

    The traceback begins with the first frame outside the file `hide`. Characters that a
    database refuses are escaped, and long texts are cut in the middle.
    """
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == hide:
        frames = frames.tb_next
    kind = type(error)
    place = _own_place(frames)
    text = "".join(traceback.format_exception(kind, error, frames))
    return {
        "attempt": attempt,
        "failed_at": failed_at.isoformat(),
        "exception_class_path": f"{kind.__module__}.{kind.__qualname__}",
        "message": _cut(escape_text(_message_of(error)), _MAX_MESSAGE_CHARACTERS),
        "traceback": _cut(escape_text(text), _MAX_TRACEBACK_CHARACTERS),
        "place": escape_text(place),
    }


def describe_failure(
    error: BaseException, attempt: Attempt, *, hide: str
) -> dict[str, Any]:
    """Return an entry as describe_error() does, with times and the worker."""
    return {
        "due_at": (attempt.run_after or attempt.message.enqueued_at).isoformat(),
        "started_at": attempt.started_at.isoformat(),
        "worker": attempt.worker_id,
    } | describe_error(
        error, attempt=attempt.number, failed_at=datetime.now(UTC), hide=hide
    )


def cause_of(entry: Mapping[str, Any]) -> str:
    """Return a short text that is equal for equal exceptions at the same place."""
    # Leave out the line number, which changes with every edit above it.
    where = str(entry.get("place", "")).partition(":")[0::2]
    function = where[1].partition(" in ")[2]
    parts = (entry.get("exception_class_path", ""), where[0], function)
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


def _own_place(frames: TracebackType | None) -> str:
    """
    Return the last place in the site's own code, as "file:line in function".

    If none of the frames is in the site's own code, return the place of the first one.
    """
    place = ""
    while frames is not None:
        code = frames.tb_frame.f_code
        if not place or not is_foreign(code.co_filename):
            place = f"{code.co_filename}:{frames.tb_lineno} in {code.co_name}"
        frames = frames.tb_next
    return place


def is_foreign(path: str) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    return path.startswith(("<", *_FOREIGN)) or "site-packages" in path


_FOREIGN = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
)


def _message_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "<its __str__ failed>"
    if isinstance(error, BaseExceptionGroup):
        # A group's own message only says how many exceptions it has.
        found = [each for each in members(error) if each is not error]
        named = [
            f"{type(each).__qualname__}: {_message_of(each)}"
            for each in found[:_MAX_NAMED_EXCEPTIONS]
            if not isinstance(each, BaseExceptionGroup)
        ]
        text = "; ".join([text, *named])
    return text


def _cut(text: str, max_characters: int) -> str:
    if len(text) <= max_characters:
        return text
    # The end says what happened, and the beginning where.
    head, tail = text[: max_characters // 4], text[-(max_characters * 3 // 4) :]
    return f"{head}\n… {len(text) - max_characters:,} characters left out …\n{tail}"
