"""Where the fields stand, for those who edit a row and for those who only look."""

from typing import Any

from django.utils.translation import gettext_lazy as _

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
_WHAT: list[Any] = ["name", "task_path", "args", "kwargs", "description"]
_LIMITS: list[Any] = [("start_at", "end_at"), ("max_runs", "jitter")]
_POLICIES: list[Any] = [
    "overlap",
    ("missed_runs", "missed_window"),
    "disable_after_failures",
]
_OPTIONS: list[Any] = [("queue_name", "priority", "expires_after")]
_STATE: list[Any] = [("next_run", "last_run", "runs"), "recent"]
#: What cannot be edited is shown by methods; see showing.py.
_SHOWN = {
    "task_path": "shown_task",
    "args": "shown_args",
    "kwargs": "shown_kwargs",
    "jitter": "shown_jitter",
    "missed_window": "shown_missed_window",
    "expires_after": "shown_expires_after",
    "queue_name": "shown_queue",
}
#: What is nobody's to edit.
READ_ONLY = ("preview", "next_run", "last_run", "runs", "recent")


def fieldsets(row: PeriodicTask | None, *, locked: bool) -> Fieldsets:
    """
    Return the fieldsets of a row's page; None is a new row.

    Of a locked one, nothing can be edited but whether it is enabled, and that not by
    everybody.
    """
    state = ["enabled"] if row is None else ["enabled", *_STATE]
    schedule = ["shown_schedule", "preview"] if locked else _SCHEDULE
    parts: list[tuple[Any, list[Any]]] = [
        (None if row is None else _("State"), state),
        (_("What"), _WHAT),
        (_("When"), [*schedule, *_LIMITS]),
        (_("Policies"), _POLICIES),
        (_("Options"), _OPTIONS),
    ]
    return [
        (title, {"fields": _as_shown(fields) if locked else fields})
        for title, fields in parts
    ]


def _as_shown(fields: list[Any]) -> list[Any]:
    return [
        tuple(_as_shown([*each])) if isinstance(each, tuple) else _SHOWN.get(each, each)
        for each in fields
    ]
