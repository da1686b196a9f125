"""Where what a result's page shows stands; what there is nothing of is left out."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from taskhub.admin.results.display.children import children_of
from taskhub.admin.results.display.lingering_runs import lingering_of
from taskhub.admin.results.display.logs import log
from taskhub.models import Status, TaskResult

Fieldsets = list[tuple[Any, Any]]


def fieldsets(row: TaskResult | None) -> Fieldsets:
    """Return the fieldsets of a result's page."""
    if row is None:
        return []
    parts: list[tuple[Any, list[Any]]] = [
        (
            None,
            [
                ("badge", "task"),
                *(["still_run_by"] if lingering_of(row) else []),
                ("queue_name", "priority", "attempts"),
            ],
        ),
        (_("Outcome"), _outcome(row)),
        (_("Attempts"), ["life", ("waited", "ran", "memory")]),
        (_("Log"), ["log"] if log_of(row) else []),
        (_("Arguments"), ["shown_args", "shown_kwargs"]),
        (_("Times"), ["timeline"]),
        (_("Origin"), _origin(row)),
        (_("Enqueued by it"), ["children"] if children_of(row) else []),
    ]
    return [(title, {"fields": names}) for title, names in parts if names]


def log_of(row: TaskResult) -> Any:
    """Return the log of a row; it is read once for a page."""
    found: Any = row
    if not hasattr(found, "shown_log"):
        found.shown_log = log(row)
    return found.shown_log


def _outcome(row: TaskResult) -> list[Any]:
    there = {
        "shown_errors": row.errors,
        "shown_return_value": row.status == Status.SUCCESSFUL,
        "shown_notes": row.storage_notes,
        "shown_progress": row.progress,
    }
    return [name for name, is_there in there.items() if is_there]


def _origin(row: TaskResult) -> list[Any]:
    there: dict[Any, Any] = {
        "id": True,
        ("schedule", "tick"): row.periodic_task_id,
        "parent": row.parent_id,
        "asked_by": row.meta.get("enqueued_by"),
        "instead_of": row.meta.get("instead_of"),
        ("backend", "workers"): True,
        "shown_meta": True,
    }
    return [name for name, is_there in there.items() if is_there]
