"""What a result's attempts have logged."""

from collections import deque
from itertools import groupby

from django.utils.dateparse import parse_datetime
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from taskhub.models import TaskLog, TaskResult

#: Of all that there are, so many of the last lines are shown.
MOST_LINES = 1_000
#: A row has some lines; so many rows are read.
_MOST_ROWS = 100
_LEVELS = ("debug", "info", "warning", "error", "critical")


def log(result: TaskResult) -> SafeString:
    """Return the last lines, by attempt; nothing if nothing was logged."""
    rows = TaskLog.objects.filter(result_id=result.pk).order_by("-id")[:_MOST_ROWS]
    lines: deque[tuple[int, list[str]]] = deque(maxlen=MOST_LINES)
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
    when, level, logger, text = (*map(str, line), "", "", "", "")[:4]
    kind = level.lower() if level.lower() in _LEVELS else "other"
    return kind, _clock(when), level, logger, text


def _clock(when: str) -> str:
    try:
        moment = parse_datetime(when)
    except ValueError:
        moment = None
    return localtime(moment).strftime("%H:%M:%S") if moment else ""
