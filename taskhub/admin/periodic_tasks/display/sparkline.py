"""The last runs of a periodic task as a row of bars: an SVG without script or style."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.admin import display
from taskhub.admin import schedule_words as words
from taskhub.models import Status, TaskResult
from taskhub.models.periodic.columns import RECENT_RUNS

_BAR, _GAP, _HEIGHT = 4, 1, 24
_MIN_HEIGHT = 3
_WIDTH = RECENT_RUNS * (_BAR + _GAP) - _GAP


def sparkline(results: Sequence[TaskResult]) -> SafeString:
    """
    Return an SVG of runs, oldest first.

    The colour of a bar shows the run's status. Its height is the duration of the run
    relative to the longest run. The label is a summary for screen readers.
    """
    longest = max(map(_duration_of, results))
    first = RECENT_RUNS - len(results)
    return format_html(
        '<svg class="taskhub-sparkline" role="img" aria-label="{}" width="{}" '
        'height="{}" viewBox="0 0 {} {}">{}</svg>',
        summary(results),
        *(_WIDTH, _HEIGHT) * 2,
        format_html_join(
            "",
            '<rect class="taskhub-{}" x="{}" y="{}" width="{}" height="{}">'
            "<title>{}</title></rect>",
            (
                _bar(result, longest, (first + number) * (_BAR + _GAP))
                for number, result in enumerate(results)
            ),
        ),
    )


def _bar(result: TaskResult, longest: timedelta, x: int) -> tuple[object, ...]:
    share = _duration_of(result) / longest if longest else 0.0
    height = max(_MIN_HEIGHT, round(share * _HEIGHT))
    return (
        result.status.lower(),
        x,
        _HEIGHT - height,
        _BAR,
        height,
        f"{Status.label_of(result.status)}, "
        f"{words.full_time(words.local_time(result.enqueued_at))}, "
        f"{display.duration(result.ran)}",
    )


def summary(results: Sequence[TaskResult]) -> str:
    """Return the label of the SVG: the statuses, and the longest duration."""
    counts = Counter(result.status for result in results)
    ended = ", ".join(
        f"{counts[status]} {Status.label_of(status).lower()}"
        for status in Status
        if counts[status]
    )
    return _("Last %(runs)d runs: %(ended)s; the longest took %(longest)s") % {
        "runs": len(results),
        "ended": ended,
        "longest": display.duration(max(map(_duration_of, results))),
    }


def _duration_of(result: TaskResult) -> timedelta:
    """Return how long a run took, or has taken so far; 0 if it has not started."""
    if result.ran is not None:
        return result.ran
    began = result.last_attempted_at or result.started_at
    if result.status == Status.RUNNING and began is not None:
        return max(datetime.now(UTC) - began, timedelta(0))
    return timedelta(0)
