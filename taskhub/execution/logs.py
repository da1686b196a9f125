"""
What tasks log, captured beside where it goes anyway.

Lines that are logged while a task runs are kept, from its own thread, its own asyncio
task, or whatever it hands its context to. Lines that `LOGGING` does not let through to
the root logger are not kept.

This needs no handler. A handler on the root logger would turn off what Python does
without one: `logging.lastResort` prints warnings and errors where nothing is
configured, and `logging.basicConfig()` does nothing once there is a handler.
"""

import logging
from collections import deque
from contextvars import ContextVar
from datetime import UTC, datetime
from threading import Lock

from taskhub.compat import django_tasks as compat
from taskhub.foundation.values import escape_text
from taskhub.models.ids import new_id
from taskhub.writer import Attempt, Logged

#: Of one attempt: so many lines are kept as they come, and of the rest the last ones.
_MAX_FIRST = 900
_MAX_LAST = 100
#: Of one line.
_MAX_CHARACTERS = 4_000


class RunLog:
    """The lines of one attempt, until they are taken to be written."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._first: list[list[str]] = []
        self._last: deque[list[str]] = deque(maxlen=_MAX_LAST)
        self._seen = 0

    def add(self, line: list[str]) -> None:
        """Keep a line; see `TaskLog.lines`."""
        with self._lock:
            self._seen += 1
            if self._seen <= _MAX_FIRST:
                self._first.append(line)
            else:
                self._last.append(line)

    def take(self, attempt: Attempt, *, at_end: bool = False) -> Logged | None:
        """Return what has come since this was last called; None if nothing has."""
        with self._lock:
            lines, self._first = self._first, []
            if at_end and self._last:
                if left_out := self._seen - _MAX_FIRST - len(self._last):
                    lines.append(["", "", "", f"… {left_out:,} lines left out …"])
                lines += self._last
                self._last.clear()
        return Logged(new_id(), attempt, lines) if lines else None


#: The log of the run that this code belongs to.
current_log: ContextVar[RunLog | None] = ContextVar("taskhub.log", default=None)


#: What taskhub and Django say of a run is not what it says itself.
_OWN = ("taskhub.", compat.LOGGER_NAME)
_formatter = logging.Formatter()


def capture_logs() -> None:
    """Have what tasks log kept, in this process from now on."""
    call_handlers = logging.Logger.callHandlers

    def capture(logger: logging.Logger, record: logging.LogRecord) -> None:
        log = current_log.get()
        if (
            log is not None
            and not record.name.startswith(_OWN)
            and _reaches_root(logger)
        ):
            _keep(record, log)
        call_handlers(logger, record)

    logging.Logger.callHandlers = capture  # type: ignore[method-assign, assignment]


def _reaches_root(logger: logging.Logger) -> bool:
    while logger.parent is not None and logger.propagate:
        logger = logger.parent
    return logger.parent is None


def _keep(record: logging.LogRecord, log: RunLog) -> None:
    try:
        text = escape_text(_formatter.format(record))
    except Exception:
        # The line does not fit its arguments. Whoever prints it says so.
        text = escape_text(f"{record.msg} (its arguments do not fit)")
    if len(text) > _MAX_CHARACTERS:
        text = f"{text[:_MAX_CHARACTERS]} …"
    moment = datetime.fromtimestamp(record.created, UTC).isoformat()
    log.add([moment, record.levelname, record.name, text])
