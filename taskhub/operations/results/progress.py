"""The progress of results and bulk actions as plain values, for JSON."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from taskhub.models import BulkAction, Status, TaskResult
from taskhub.tasks.context import MAX_PROGRESS

#: Not arguments, return values or errors, which a user of the page may not see.
_COLUMNS = ("status", "progress", "attempts")


def read_progress(pk: UUID) -> dict[str, Any] | None:
    """Return the progress of a result, or None if there is no such row. One query."""
    row = TaskResult.writing.only(*_COLUMNS).filter(pk=pk).first()
    return None if row is None else describe_progress(row)


def describe_progress(row: TaskResult) -> dict[str, Any]:
    """
    Return the progress of a result: `status`, `label`, `is_over`, `percent`, `text`.

    `label` is in the active language. `percent` is None if the total is unknown.
    """
    progress = row.progress if isinstance(row.progress, dict) else {}
    done, total = _number(progress.get("done")), _number(progress.get("total"))
    # A result on hold makes no progress until a person decides.
    at_rest = {Status.SUCCESSFUL.value: 100, Status.ON_HOLD.value: 0}
    return {
        "status": row.status,
        "label": Status.label_of(row.status),
        "is_over": row.is_finished,
        "percent": at_rest.get(row.status, _percent(done, total)),
        "text": _text(done, total, str(progress.get("message") or "")),
    }


def describe_missing(*, was_there: bool) -> dict[str, Any]:
    """
    Return the progress of a result without a row; its `status` is None.

    If the row `was_there` before, the result is over. Otherwise, the row may be written
    later, when a task finishes or an open transaction is committed.
    """
    return {
        "status": None,
        "label": _("No longer kept") if was_there else _("No result yet"),
        "is_over": was_there,
        "percent": 100 if was_there else None,
        "text": "",
    }


def describe_bulk_action(action: BulkAction) -> dict[str, Any]:
    """Return the progress of a bulk action, with the keys of describe_progress()."""
    percent = _percent(action.done, action.expected)
    if action.stopped_by:
        status, label = Status.CANCELLED, _("Stopped")
    elif action.finished_at is not None:
        status, label, percent = Status.SUCCESSFUL, _("Done"), 100
    else:
        status, label = Status.RUNNING, _("In progress")
    return {
        "status": status.value,
        "label": label,
        "is_over": action.finished_at is not None,
        "percent": percent,
        "text": _text(action.done, action.expected, ""),
    }


def _text(done: float | None, total: float | None, message: str) -> str:
    count = "" if done is None else f"{done:,}"
    if count and total is not None:
        count = _("%(done)s of %(total)s") % {"done": count, "total": f"{total:,}"}
    return f"{count} {message}".strip()


def _percent(done: float | None, total: float | None) -> int | None:
    if done is None or not total or total < 0:
        return None
    return int(max(0, min(100, 100 * done / total)))


def _number(value: object) -> float | None:
    # Rows can be edited with SQL. The comparison is false for NaN.
    if isinstance(value, int | float) and abs(value) <= MAX_PROGRESS:
        return value
    return None
