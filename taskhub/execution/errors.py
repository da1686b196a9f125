"""Exceptions as rows keep them."""

import traceback
from datetime import datetime
from typing import Any

from taskhub.values import escape_text

_MOST_CHARACTERS = 64 * 1024
_MOST_OF_A_MESSAGE = 2 * 1024


def describe_error(
    error: BaseException, *, attempt: int, failed_at: datetime, hide: str | None = None
) -> dict[str, Any]:
    """
    Return an entry of `TaskResult.errors`.

    The traceback begins with the first frame that is not of the file `hide`. What no
    database takes is escaped, and what is too long is cut in its middle.
    """
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == hide:
        frames = frames.tb_next
    kind = type(error)
    text = "".join(traceback.format_exception(kind, error, frames))
    return {
        "attempt": attempt,
        "failed_at": failed_at.isoformat(),
        "exception_class_path": f"{kind.__module__}.{kind.__qualname__}",
        "message": _cut(escape_text(_message_of(error)), _MOST_OF_A_MESSAGE),
        "traceback": _cut(escape_text(text), _MOST_CHARACTERS),
    }


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<its __str__ failed>"


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    # The end says what happened, the beginning where it came from.
    head, tail = text[: most // 4], text[-(most * 3 // 4) :]
    return f"{head}\n… {len(text) - most:,} characters left out …\n{tail}"
