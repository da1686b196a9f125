"""Where what a result's page shows stands; what there is nothing of is left out."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from taskhub.models import Status, TaskResult

Fieldsets = list[tuple[Any, Any]]


def fieldsets(row: TaskResult | None) -> Fieldsets:
    """Return the fieldsets of a result's page."""
    if row is None:
        return []
    parts: list[tuple[Any, list[Any]]] = [
        (None, [("badge", "task"), ("queue_name", "priority", "attempts")]),
        (_("Outcome"), _outcome(row)),
        (_("Arguments"), ["shown_args", "shown_kwargs"]),
        (_("Times"), ["timeline", ("waited", "ran")]),
        (_("Origin"), _origin(row)),
    ]
    return [(title, {"fields": names}) for title, names in parts if names]


def _outcome(row: TaskResult) -> list[Any]:
    there = {
        "shown_errors": row.errors,
        "shown_return_value": row.status == Status.SUCCESSFUL,
        "shown_notes": row.storage_notes,
        "shown_progress": row.progress,
    }
    return [name for name, is_there in there.items() if is_there]


def _origin(row: TaskResult) -> list[Any]:
    fields: list[Any] = ["id", ("backend", "workers"), "shown_meta"]
    if row.periodic_task_id is not None:
        fields.insert(1, ("schedule", "tick"))
    return fields
