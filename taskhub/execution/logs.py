"""
The log lines of tasks, which are captured beside the site's own handlers.

A line is kept if it is logged while a task runs: in the task's thread, in its asyncio
task, or where its context is passed on. Lines that `LOGGING` does not let through to
the root logger are not kept.

There is no handler: one on the root logger would switch off `logging.lastResort`, which
prints warnings if nothing is configured, and `logging.basicConfig()`.
"""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from threading import Lock

from taskhub.compat import django_tasks as compat
from taskhub.foundation.values import escape_text
from taskhub.models.ids import new_id
from taskhub.writer import Attempt, Logged

#: How many lines of an attempt are kept, from its beginning and from its end.
_MAX_FIRST_LINES = 900
_MAX_LAST_LINES = 100
_MAX_LINE_CHARACTERS = 4_000


class RunLog:
    """The lines of one attempt until they are taken to be written."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._first: list[list[str]] = []
        self._last: deque[list[str]] = deque(maxlen=_MAX_LAST_LINES)
        self._seen = 0

    def add(self, line: list[str]) -> None:
        """Keep a line; see `TaskLog.lines`."""
        with self._lock:
            self._seen += 1
            if self._seen <= _MAX_FIRST_LINES:
                self._first.append(line)
            else:
                self._last.append(line)

    def take(self, attempt: Attempt, *, at_end: bool = False) -> Logged | None:
        """
        Return the first lines since the last call; None if there are none.

        With `at_end`, also return the last lines of the attempt.
        """
        with self._lock:
            lines, self._first = self._first, []
            if at_end and self._last:
                if left_out := self._seen - _MAX_FIRST_LINES - len(self._last):
                    lines.append(["", "", "", f"… {left_out:,} lines left out …"])
                lines += self._last
                self._last.clear()
        return Logged(new_id(), attempt, lines) if lines else None


#: The log of the current run.
current_log: ContextVar[RunLog | None] = ContextVar("taskhub.log", default=None)


#: Loggers with these prefixes log about a run. Their lines are not the task's own.
_IGNORED_PREFIXES = ("taskhub.", compat.LOGGER_NAME)
_formatter = logging.Formatter()


class _Capture:
    """Puts `_capture` in the place of Logger.callHandlers, and takes it away again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_installed = False
        self._open_blocks = 0
        self.call_handlers = logging.Logger.callHandlers

    def begin(self) -> None:
        with self._lock:
            self._open_blocks += 1
            if not self._is_installed:
                self._is_installed = True
                self.call_handlers = logging.Logger.callHandlers
                logging.Logger.callHandlers = _capture  # type: ignore[method-assign, assignment]

    def end(self) -> None:
        with self._lock:
            self._open_blocks -= 1
            # If another library has replaced the method since, it calls ours.
            is_last = logging.Logger.callHandlers is _capture
            if is_last and not self._open_blocks:
                self._is_installed = False
                logging.Logger.callHandlers = self.call_handlers  # type: ignore[method-assign]


def capture_logs() -> None:
    """Keep the log lines of tasks, in this process from now on."""
    _installed.begin()


@contextmanager
def capturing_logs() -> Iterator[None]:
    """Keep the log lines of tasks within this block, which any thread may open."""
    _installed.begin()
    try:
        yield
    finally:
        _installed.end()


def _capture(logger: logging.Logger, record: logging.LogRecord) -> None:
    log = current_log.get()
    if (
        log is not None
        and not record.name.startswith(_IGNORED_PREFIXES)
        and _reaches_root(logger)
    ):
        _keep(record, log)
    _installed.call_handlers(logger, record)


_installed = _Capture()


def _reaches_root(logger: logging.Logger) -> bool:
    while logger.parent is not None and logger.propagate:
        logger = logger.parent
    return logger.parent is None


def _keep(record: logging.LogRecord, log: RunLog) -> None:
    try:
        text = escape_text(_formatter.format(record))
    except Exception:
        # The arguments do not fit the message. The site's handlers report this.
        text = escape_text(f"{record.msg} (its arguments do not fit)")
    if len(text) > _MAX_LINE_CHARACTERS:
        text = f"{text[:_MAX_LINE_CHARACTERS]} …"
    moment = datetime.fromtimestamp(record.created, UTC).isoformat()
    log.add([moment, record.levelname, record.name, text])
