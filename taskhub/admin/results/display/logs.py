"""The log of a result."""

from collections import deque
from itertools import groupby
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from taskhub.models import TaskLog, TaskResult

#: Only the last lines are shown.
MAX_LINES = 1_000
#: How many TaskLog rows are read; each has several lines.
_MAX_LOG_ROWS = 100
_LEVELS = ("debug", "info", "warning", "error", "critical")


def log_of(row: TaskResult) -> Any:
    """Return the last lines of a log by attempt, as HTML. Read them once for a page."""
    found: Any = row
    if not hasattr(found, "shown_log"):
        found.shown_log = _read_log(row)
    return found.shown_log


def _read_log(result: TaskResult) -> SafeString:
    rows = TaskLog.objects.filter(result_id=result.pk).order_by("-id")[:_MAX_LOG_ROWS]
    lines: deque[tuple[int, list[str]]] = deque(maxlen=MAX_LINES)
    for row in reversed(rows):
        lines.extend((row.attempt, line) for line in row.lines)
    return format_html_join(
        "",
        '<section class="taskhub-log" id="taskhub-log-{}"><h3>{}</h3>'
        '<ol tabindex="0" aria-label="{}">{}</ol></section>',
        (
            (
                attempt,
                _("Attempt %d") % attempt,
                _("Log of attempt %d") % attempt,
                format_html_join("", _LINE, (_parts(line) for _attempt, line in group)),
            )
            for attempt, group in groupby(lines, key=lambda each: each[0])
        ),
    )


_LINE = (
    '<li class="taskhub-level-{}"><time>{}</time> <span class="taskhub-level">{}</span>'
    ' <span class="taskhub-logger">{}</span> <span class="taskhub-said">{}</span></li>'
)


def _parts(line: list[str]) -> tuple[str, ...]:
    """Return the values of _LINE; a row that SQL has written may lack some."""
    when, level, logger, text = (*map(str, line), "", "", "", "")[:4]
    kind = level.lower() if level.lower() in _LEVELS else "other"
    return kind, _clock(when), level, logger, text


def _clock(when: str) -> str:
    try:
        moment = parse_datetime(when)
    except ValueError:
        moment = None
    return localtime(moment).strftime("%H:%M:%S") if moment else ""
