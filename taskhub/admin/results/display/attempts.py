"""What became of a result, attempt by attempt: what it waited for, and what ran."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.admin import display as markup
from taskhub.models import Status, TaskResult

_WIDTH, _HEIGHT, _THINNEST = 1000, 10, 6
#: So many of the last spans are shown.
_MOST = 60


@dataclass(frozen=True)
class Span:
    """A stretch of time in the life of a result."""

    #: What is to be seen of it: waits, or how the attempt ended.
    kind: str
    text: str
    start: datetime
    end: datetime
    #: Whether it goes on.
    is_open: bool = False


def attempts(row: TaskResult) -> SafeString:
    """Return the life of a result as a list, with a bar for each part of it."""
    shown = list(spans(row, timezone.now()))[-_MOST:]
    if not shown:
        return format_html("{}", markup.NOTHING)
    first, last = shown[0].start, max(span.end for span in shown)
    return format_html(
        '<ol class="taskhub-spans">{}</ol>',
        format_html_join(
            "",
            '<li class="taskhub-{}"><span class="taskhub-span-text">{}</span> '
            '<span class="taskhub-span-time">{} {}</span> {}</li>',
            (
                (
                    span.kind,
                    span.text,
                    markup.moment(span.start),
                    markup.duration(span.end - span.start)
                    + (_(" so far") if span.is_open else ""),
                    _bar(span, first, last),
                )
                for span in shown
            ),
        ),
    )


def _bar(span: Span, first: datetime, last: datetime) -> SafeString:
    whole = (last - first).total_seconds() or 1.0
    width = max(
        _THINNEST, round((span.end - span.start).total_seconds() / whole * _WIDTH)
    )
    x = round((span.start - first).total_seconds() / whole * _WIDTH)
    return format_html(
        '<svg class="taskhub-bar" viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'aria-hidden="true"><rect x="{}" y="0" width="{}" height="{}"></rect></svg>',
        _WIDTH,
        _HEIGHT,
        min(x, _WIDTH - _THINNEST),
        width,
        _HEIGHT,
    )


def spans(row: TaskResult, now: datetime) -> Iterator[Span]:
    """Yield the parts of a result's life until now, in their order."""
    at, waits = row.enqueued_at, _("Waited for a worker")
    for error, following in pairwise([*row.errors, {}]):
        ended = _moment(error.get("failed_at")) or at
        started = _start_of(row, error, at)
        due = _due_of(row, error, started)
        if started is not None:
            yield from _waiting(at, due, started, waits)
            yield Span(_kind(error), _attempt(error), started, ended)
        elif ended > at:
            yield from _waiting(at, due, ended, waits)
        at, waits = ended, _("Waited to be tried again")
        if error.get("before_retry") and not following.get("before_retry"):
            at = _retried(row, error) or at
            yield Span("ready", _("Failed, until retried"), ended, max(at, ended))
    yield from _last(row, at, now, waits)


def _last(row: TaskResult, at: datetime, now: datetime, waits: str) -> Iterator[Span]:
    """Yield what comes after the last failure."""
    began, due = row.last_attempted_at or row.started_at, row.run_after
    earlier = began if row.status == Status.READY else row.started_at
    is_another = row.status == Status.READY or row.attempts > 1
    if is_another and earlier and due and at <= earlier < due:
        # An attempt that left no error: it was successful, or given back.
        until = min(due, now)
        yield from _waiting(at, None, earlier, waits)
        yield Span("ready", _before(row), earlier, until)
        at = until
    match row.status:
        case Status.READY:
            yield from _waiting(at, due, max(now, at), waits, is_open=True)
        case Status.RUNNING if began is not None:
            yield from _waiting(at, due, began, waits)
            text = _("Attempt %d runs") % row.attempts
            yield Span("running", text, began, max(now, began), is_open=True)
        case Status.SUCCESSFUL if began is not None and row.finished_at is not None:
            yield from _waiting(at, due, began, waits)
            text = _("Attempt %d was successful") % row.attempts
            yield Span("successful", text, began, row.finished_at)


def _before(row: TaskResult) -> str:
    """Return what to say of attempts that left no error, and are over."""
    if row.status == Status.READY:
        return _("Attempt %d, until it was to be run again") % row.attempts
    return _("Ran before, until run again")


def _due_of(
    row: TaskResult, error: dict[str, Any], started: datetime | None
) -> datetime | None:
    """Return when a failed attempt was due; None if it was from the start on."""
    if due := _moment(error.get("due_at")):
        return due
    # The row's is of the last attempt.
    due, is_last = row.run_after, error.get("attempt") == row.attempts
    is_its_own = is_last or (started is not None and due is not None and due <= started)
    return due if is_its_own else None


def _retried(row: TaskResult, error: dict[str, Any]) -> datetime | None:
    """Return when somebody had it tried again after an error."""
    return _moment(error.get("retried_at")) or row.run_after or row.last_attempted_at


def _waiting(
    start: datetime,
    due: datetime | None,
    end: datetime,
    text: str,
    *,
    is_open: bool = False,
) -> Iterator[Span]:
    """Yield a wait, and before it the one for the time that it was put off to."""
    if due is not None and start < due:
        until = min(due, end)
        yield Span("ready", _("Was not due yet"), start, until, is_open and due > end)
        start = until
    if start < end:
        yield Span("ready", text, start, end, is_open)


def _start_of(row: TaskResult, error: dict[str, Any], at: datetime) -> datetime | None:
    """Return when a failed attempt began; None for what ended without one."""
    if started := _moment(error.get("started_at")):
        return started
    # Who has cancelled it, or found its worker dead, did not know.
    is_last = error.get("attempt") == row.attempts
    for known in (row.last_attempted_at if is_last else None, row.started_at):
        if known is not None and known >= at and not (is_last and _is_past(row, known)):
            return known
    return None


def _is_past(row: TaskResult, began: datetime) -> bool:
    """Whether an attempt began before the result was due for the last time."""
    return row.run_after is not None and began < row.run_after


def _kind(error: dict[str, Any]) -> str:
    name = str(error.get("exception_class_path", ""))
    return (
        "cancelled" if name.endswith((".TaskCancelled", ".TaskExpired")) else "failed"
    )


def _attempt(error: dict[str, Any]) -> str:
    name = str(error.get("exception_class_path", "")).rpartition(".")[2]
    return _("Attempt %(number)s: %(error)s") % {
        "number": error.get("attempt", "?"),
        "error": name,
    }


def _moment(text: object) -> datetime | None:
    try:
        found = parse_datetime(str(text))
    except ValueError:
        return None
    # Whoever may write SQL may have written anything.
    return found if found is not None and timezone.is_aware(found) else None
