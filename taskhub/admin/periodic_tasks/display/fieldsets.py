"""The fieldsets of a periodic task's page."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from taskhub.admin.periodic_tasks.display import fields
from taskhub.admin.periodic_tasks.display.runs import recent
from taskhub.models import PeriodicTask

Fieldsets = list[tuple[Any, Any]]

_SCHEDULE: list[Any] = [
    "kind",
    ("expression", "tz"),
    ("count", "unit"),
    "at",
    ("event", "latitude", "longitude"),
    "preview",
]
_TASK: list[Any] = ["name", "task_path", "args", "kwargs", "description"]
_LIMITS: list[Any] = [("start_at", "end_at"), ("max_runs", "jitter")]
_POLICIES: list[Any] = [
    "overlap",
    ("missed_runs", "missed_window"),
    "disable_after_failures",
]
_OPTIONS: list[Any] = [("queue_name", "priority", "expires_after")]
_STATE: list[Any] = [(fields.next_run, "last_run", "run_count"), recent]
#: The read-only fields of a locked page, by the form field that each one replaces.
_READ_ONLY_FIELDS: dict[Any, Any] = {
    "task_path": fields.task,
    "args": fields.args,
    "kwargs": fields.kwargs,
    "jitter": fields.jitter,
    "missed_window": fields.missed_window,
    "expires_after": fields.expires_after,
    "queue_name": fields.queue,
}
#: The read-only fields of the page with the form.
READ_ONLY: tuple[Any, ...] = (
    "preview",
    fields.next_run,
    "last_run",
    "run_count",
    recent,
)


def fieldsets_of(row: PeriodicTask | None, *, locked: bool) -> Fieldsets:
    """Return the fieldsets of a row's page; if locked, only `enabled` can be edited."""
    state = ["enabled"] if row is None else ["enabled", *_STATE]
    schedule = [fields.schedule, "preview"] if locked else _SCHEDULE
    parts: list[tuple[Any, list[Any]]] = [
        (None if row is None else _("State"), state),
        (_("Task"), _TASK),
        (_("Schedule"), [*schedule, *_LIMITS]),
        (_("Policies"), _POLICIES),
        (_("Options"), _OPTIONS),
    ]
    return [
        (title, {"fields": _as_read_only(names) if locked else names})
        for title, names in parts
    ]


def _as_read_only(names: list[Any]) -> list[Any]:
    return [
        tuple(_as_read_only([*name]))
        if isinstance(name, tuple)
        else _READ_ONLY_FIELDS.get(name, name)
        for name in names
    ]
