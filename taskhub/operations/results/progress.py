"""How far something is, as who follows it is told: plain values, for JSON."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from taskhub.models import BulkAction, Status, TaskResult
from taskhub.tasks.context import MAX_PROGRESS

#: Arguments, outcomes and errors are not for who may only know how far it is.
_READ = ("status", "progress", "attempts")


def read_progress(pk: UUID) -> dict[str, Any] | None:
    """Return how far a result is, or None if there is no such result; one query."""
    row = TaskResult.writing.only(*_READ).filter(pk=pk).first()
    return None if row is None else tell_progress(row)


def tell_progress(row: TaskResult) -> dict[str, Any]:
    """
    Return how far a result is: `status` and its `label`, `is_over`, `percent`, `text`.

    `percent` is None where it cannot be told.
    """
    said = row.progress if isinstance(row.progress, dict) else {}
    done, total = _number(said.get("done")), _number(said.get("total"))
    is_successful = row.status == Status.SUCCESSFUL
    return {
        "status": row.status,
        "label": Status.label_of(row.status),
        "is_over": row.is_finished,
        "percent": 100 if is_successful else _percent(done, total),
        "text": _in_words(done, total, str(said.get("message") or "")),
    }


def tell_absent(*, was_there: bool) -> dict[str, Any]:
    """
    Return the same of what has no row, with `status` None.

    One that was there has finished and is not kept, or was deleted. Another one may
    come: that of a task that is not durable, or of a transaction that is under way.
    """
    return {
        "status": None,
        "label": _("No longer kept") if was_there else _("No result yet"),
        "is_over": was_there,
        "percent": 100 if was_there else None,
        "text": "",
    }


def tell_bulk(action: BulkAction) -> dict[str, Any]:
    """Return the same of a bulk action."""
    is_over = action.finished_at is not None
    was_stopped = bool(action.stopped_by)
    percent = _percent(action.done, action.expected)
    label = _("Under way")
    if is_over:
        label = _("Stopped") if was_stopped else _("Done")
    return {
        "status": "CANCELLED"
        if was_stopped
        else "SUCCESSFUL"
        if is_over
        else "RUNNING",
        "label": label,
        "is_over": is_over,
        "percent": 100 if is_over and not was_stopped else percent,
        "text": _in_words(action.done, action.expected, ""),
    }


def _in_words(done: float | None, total: float | None, message: str) -> str:
    share = ""
    if done is not None and total is not None:
        share = _("%(done)s of %(total)s") % {
            "done": f"{done:,}",
            "total": f"{total:,}",
        }
    elif done is not None:
        share = f"{done:,}"
    return f"{share} {message}".strip()


def _percent(done: float | None, total: float | None) -> int | None:
    if done is None or not total or total < 0:
        return None
    return int(max(0, min(100, 100 * done / total)))


def _number(value: object) -> float | None:
    # Whoever may write SQL may have written anything. Not true of NaN.
    if isinstance(value, int | float) and abs(value) <= MAX_PROGRESS:
        return value
    return None
