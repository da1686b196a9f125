"""The attempts of a result as a list of bars, with the waits between them."""

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

from taskhub.admin import display
from taskhub.models import Status, TaskResult

#: In units of the SVG's viewBox, which is scaled to the page.
_WIDTH, _HEIGHT, _MIN_WIDTH = 1000, 10, 6
#: Only the last spans are shown.
_MAX_SPANS = 60


@dataclass(frozen=True)
class Span:
    """A period in the life of a result."""

    #: The status whose colour the span has, in lower case: "ready" for waits.
    kind: str
    text: str
    start: datetime
    end: datetime
    #: Whether it has not ended yet.
    is_open: bool = False


def attempts(row: TaskResult) -> SafeString:
    """Return the spans of a result as a list with a bar each."""
    shown = list(spans(row, timezone.now()))[-_MAX_SPANS:]
    if not shown:
        return format_html("{}", display.NOTHING)
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
                    display.moment(span.start),
                    display.duration(span.end - span.start)
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
        _MIN_WIDTH, round((span.end - span.start).total_seconds() / whole * _WIDTH)
    )
    x = round((span.start - first).total_seconds() / whole * _WIDTH)
    return format_html(
        '<svg class="taskhub-bar" viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'aria-hidden="true"><rect x="{}" y="0" width="{}" height="{}"></rect></svg>',
        _WIDTH,
        _HEIGHT,
        min(x, _WIDTH - _MIN_WIDTH),
        width,
        _HEIGHT,
    )


def spans(row: TaskResult, now: datetime) -> Iterator[Span]:
    """Yield the spans of a result until now, in order."""
    at, wait_text = row.enqueued_at, _("Waited for a worker")
    was_held = False
    for error, following in pairwise([*row.errors, {}]):
        ended = _read_time(error.get("failed_at")) or at
        started = _start_of(row, error, at)
        due = None if was_held else _due_of(row, error, started)
        if started is not None:
            yield from _waiting(at, due, started, wait_text)
            yield Span(_failed_kind(error), _failed_text(error), started, ended)
        elif ended > at:
            yield from _waiting(at, due, ended, wait_text)
        was_held = str(error.get("exception_class_path")).endswith(".OnHold")
        at = ended
        wait_text = _("On hold") if was_held else _("Waited to be retried")
        if error.get("before_retry") and not following.get("before_retry"):
            at = _retried_at(row, error) or at
            text = _("On hold") if was_held else _("Failed, until retried")
            yield Span("ready", text, ended, max(at, ended))
            was_held, wait_text = False, _("Waited to be retried")
    if was_held:
        until = row.finished_at or now
        yield Span("on_hold", _("On hold"), at, max(at, until), not row.is_finished)
        return
    yield from _after_failures(row, at, now, wait_text)


def _after_failures(
    row: TaskResult, at: datetime, now: datetime, wait_text: str
) -> Iterator[Span]:
    """Yield the spans after the last failure. The spans so far end at `at`."""
    began, due = row.last_attempted_at or row.started_at, row.run_after
    earlier = began if row.status == Status.READY else row.started_at
    is_another = row.status == Status.READY or row.attempts > 1
    if is_another and earlier and due and at <= earlier < due:
        # An attempt without an error was successful, or its message was released.
        until = min(due, now)
        yield from _waiting(at, None, earlier, wait_text)
        yield Span("ready", _earlier_text(row), earlier, until)
        at = until
    match row.status:
        case Status.READY:
            yield from _waiting(at, due, max(now, at), wait_text, is_open=True)
        case Status.RUNNING if began is not None:
            yield from _waiting(at, due, began, wait_text)
            text = _("Attempt %d is running") % row.attempts
            yield Span("running", text, began, max(now, began), is_open=True)
        case Status.SUCCESSFUL if began is not None and row.finished_at is not None:
            yield from _waiting(at, due, began, wait_text)
            text = _("Attempt %d was successful") % row.attempts
            yield Span("successful", text, began, row.finished_at)


def _earlier_text(row: TaskResult) -> str:
    """Return the text for earlier attempts that left no error."""
    if row.status == Status.READY:
        return _("Attempt %d, until retried") % row.attempts
    return _("Earlier attempts, until retried")


def _due_of(
    row: TaskResult, error: dict[str, Any], started: datetime | None
) -> datetime | None:
    """Return when a failed attempt was due, or None if it was due at once."""
    if due := _read_time(error.get("due_at")):
        return due
    # `run_after` is the due time of the last attempt.
    due, is_last = row.run_after, error.get("attempt") == row.attempts
    is_its_own = is_last or (started is not None and due is not None and due <= started)
    return due if is_its_own else None


def _retried_at(row: TaskResult, error: dict[str, Any]) -> datetime | None:
    """Return when a user retried the result after an error."""
    return _read_time(error.get("retried_at")) or row.run_after or row.last_attempted_at


def _waiting(
    start: datetime,
    due: datetime | None,
    end: datetime,
    text: str,
    *,
    is_open: bool = False,
) -> Iterator[Span]:
    """Yield the wait for the due time, and the wait after it until `end`."""
    if due is not None and start < due:
        until = min(due, end)
        yield Span("ready", _("Scheduled"), start, until, is_open and due > end)
        start = until
    if start < end:
        yield Span("ready", text, start, end, is_open)


def _start_of(row: TaskResult, error: dict[str, Any], at: datetime) -> datetime | None:
    """Return when a failed attempt began, or None if the result ended without one."""
    if started := _read_time(error.get("started_at")):
        return started
    # Errors of cancelled and lost attempts have no start time.
    is_last = error.get("attempt") == row.attempts
    for known in (row.last_attempted_at if is_last else None, row.started_at):
        if known is not None and known >= at and not (is_last and _is_past(row, known)):
            return known
    return None


def _is_past(row: TaskResult, began: datetime) -> bool:
    """Return whether an attempt began before the result was last due."""
    return row.run_after is not None and began < row.run_after


def _failed_kind(error: dict[str, Any]) -> str:
    """Return the kind of the span of a failed attempt."""
    name = str(error.get("exception_class_path", ""))
    return (
        "cancelled" if name.endswith((".TaskCancelled", ".TaskExpired")) else "failed"
    )


def _failed_text(error: dict[str, Any]) -> str:
    """Return the text of the span of a failed attempt."""
    name = str(error.get("exception_class_path", "")).rpartition(".")[2]
    return _("Attempt %(number)s: %(error)s") % {
        "number": error.get("attempt", "?"),
        "error": name,
    }


def _read_time(text: object) -> datetime | None:
    """Return an aware datetime from an error, or None if it is missing or invalid."""
    try:
        found = parse_datetime(str(text))
    except ValueError:
        return None
    # SQL statements may have written anything.
    return found if found is not None and timezone.is_aware(found) else None
