"""The fieldsets of a result's page, without fields that have no value."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from taskhub.admin.results.display import fields
from taskhub.admin.results.display.lingering import lingering_of
from taskhub.admin.results.display.logs import log_of
from taskhub.admin.results.display.relatives import children_of
from taskhub.models import Status, TaskResult

Fieldsets = list[tuple[Any, Any]]


def fieldsets_of(row: TaskResult | None) -> Fieldsets:
    """Return the fieldsets of a result's page."""
    if row is None:
        return []
    parts: list[tuple[Any, list[Any]]] = [
        (
            None,
            [
                (fields.status, fields.task),
                *(["still_run_by"] if lingering_of(row) else []),
                ("queue_name", "priority", "attempts"),
            ],
        ),
        (_("Outcome"), _outcome(row)),
        (
            _("Attempts"),
            [fields.attempts, (fields.waited, fields.ran, fields.memory)],
        ),
        (_("Log"), [fields.log] if log_of(row) else []),
        (_("Arguments"), [fields.args, fields.kwargs]),
        (_("Timeline"), [fields.timeline]),
        (_("Origin"), _origin(row)),
        (_("Task"), [fields.options]),
        (_("Enqueued by it"), ["children"] if children_of(row) else []),
    ]
    return [(title, {"fields": names}) for title, names in parts if names]


def _outcome(row: TaskResult) -> list[Any]:
    has_value: dict[Any, Any] = {
        fields.errors: row.errors,
        fields.return_value: row.status == Status.SUCCESSFUL,
        fields.storage_notes: row.storage_notes,
        fields.progress: row.progress,
    }
    return [field for field, value in has_value.items() if value]


def _origin(row: TaskResult) -> list[Any]:
    has_value: dict[Any, Any] = {
        "id": True,
        ("schedule", fields.tick): row.periodic_task_id,
        "parent": row.parent_id,
        fields.enqueued_by: row.meta.get("enqueued_by"),
        "instead_of": row.meta.get("instead_of"),
        ("backend", fields.workers): True,
        fields.meta: True,
    }
    return [field for field, value in has_value.items() if value]
