"""The options of a task, and where each value comes from."""

from dataclasses import fields
from typing import Any

import msgspec

from taskhub.tasks import Task
from taskhub.tasks.task import OPTION_NAMES

DEFAULT = "default"


class OptionValue(msgspec.Struct, frozen=True):
    """One option of a task."""

    name: str
    #: As text: classes and functions by their names, an empty tuple as "none".
    value: str
    #: "default", "@task", or the places in the settings.
    origin: str


def options_of(task: Task[..., Any, Any]) -> list[OptionValue]:
    """Return all options of a registered task, sorted by name."""
    origins = task.origins or {}
    return [
        OptionValue(
            each.name,
            _show(getattr(task, each.name)),
            origins.get(each.name, DEFAULT),
        )
        for each in sorted(fields(task), key=lambda each: each.name)
        if each.name in OPTION_NAMES
    ]


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_show, value)) or "none"
    return getattr(value, "__qualname__", None) or str(value)
