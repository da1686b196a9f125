"""
What tasks log, captured beside where it goes anyway.

A handler on the root logger keeps what is logged while a task runs, in its own thread,
its own asyncio task, or whatever it hands its context to. What `LOGGING` does not let
through to the root logger is not seen here either.
"""

import logging
from collections import deque
from contextvars import ContextVar
from datetime import UTC, datetime
from threading import Lock

from taskhub import compat
from taskhub.models.ids import new_id
from taskhub.values import escape_text
from taskhub.writer import Attempt, Logged

#: Of one attempt: so many lines are kept as they come, and of the rest the last ones.
_MOST_FIRST = 900
_MOST_LAST = 100
#: Of one line.
_MOST_CHARACTERS = 4_000


class RunLog:
    """The lines of one attempt, until they are taken to be written."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._first: list[list[str]] = []
        self._last: deque[list[str]] = deque(maxlen=_MOST_LAST)
        self._seen = 0

    def add(self, line: list[str]) -> None:
        """Keep a line; see `TaskLog.lines`."""
        with self._lock:
            self._seen += 1
            if self._seen <= _MOST_FIRST:
                self._first.append(line)
            else:
                self._last.append(line)

    def take(self, attempt: Attempt, *, at_end: bool = False) -> Logged | None:
        """Return what has come since this was last called; None if nothing has."""
        with self._lock:
            lines, self._first = self._first, []
            if at_end and self._last:
                if left_out := self._seen - _MOST_FIRST - len(self._last):
                    lines.append(["", "", "", f"… {left_out:,} lines left out …"])
                lines += self._last
                self._last.clear()
        return Logged(new_id(), attempt, lines) if lines else None


#: The log of the run that this code belongs to.
current_log: ContextVar[RunLog | None] = ContextVar("taskhub.log", default=None)


class _Capture(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = current_log.get()
        if log is None or record.name.startswith(_OWN):
            return
        try:
            text = escape_text(self.format(record))
        except Exception:
            self.handleError(record)
            return
        if len(text) > _MOST_CHARACTERS:
            text = f"{text[:_MOST_CHARACTERS]} …"
        moment = datetime.fromtimestamp(record.created, UTC).isoformat()
        log.add([moment, record.levelname, record.name, text])


#: What taskhub and Django say of a run is not what it says itself.
_OWN = ("taskhub.", compat.LOGGER_NAME)


def capture_logs() -> None:
    """Have what tasks log kept, in this process from now on."""
    logging.getLogger().addHandler(_Capture())
