"""
The options that a site sets for all tasks or by patterns, applied to a task.

The order, from weakest to strongest: taskhub's own default, `task_defaults`, `@task`,
`task_rules` in their order, `using()`. Names in `masked` are added up. They are applied
once, when the task is defined, so that enqueueing and running cost nothing more.
"""

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from taskhub.conf import find_config

if TYPE_CHECKING:
    from taskhub.tasks.task import Task

#: The origin of an option that @task sets.
IN_CODE = "@task"

#: A default is left out if it contradicts what the task itself says of the other limit.
_OTHER_LIMIT = {"timeout": "hard_timeout", "hard_timeout": "timeout"}


class _Layer(NamedTuple):
    """Options from one place of the settings."""

    options: Mapping[str, Any]
    origin: str


def site_options(
    task: "Task[..., Any, Any]", given: Collection[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """
    Return the values that a site's settings give a task, and where each comes from.

    `given` are the options that @task sets; they have an origin, too.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(given, IN_CODE)
    layers = list(_layers(task, given))
    for options, origin in layers:
        values |= options
        origins |= dict.fromkeys(options, origin)
    if any("masked" in layer.options for layer in layers):
        values["masked"], origins["masked"] = _add_up_masked(task, layers)
    return values, {name: origin for name, origin in origins.items() if origin}


def _layers(task: "Task[..., Any, Any]", given: Collection[str]) -> Iterator[_Layer]:
    """Yield what applies to a task, from weakest to strongest."""
    config = find_config(task.backend)
    if config is None:
        return
    place = f"TASKS[{config.alias!r}]['OPTIONS']"
    defaults = config.options.task_defaults
    suitable = {
        name: value
        for name, value in defaults.items()
        if name == "masked" or (name not in given and _suits(task, name, value, given))
    }
    yield _Layer(suitable, f"{place}['task_defaults']")
    for rule in config.options.task_rules:
        if rule.fits(task.module_path):
            yield _Layer(rule.options, f"{place}['task_rules'][{rule.pattern!r}]")


def _add_up_masked(
    task: "Task[..., Any, Any]", layers: Iterable[_Layer]
) -> tuple[tuple[str, ...], str]:
    """Return all masked parameters that the task has, and where they come from."""
    parameters = inspect.signature(task.func).parameters
    by_origin = {IN_CODE: task.masked} | {
        origin: tuple(name for name in options.get("masked", ()) if name in parameters)
        for options, origin in layers
    }
    masked = dict.fromkeys(name for names in by_origin.values() for name in names)
    return tuple(masked), ", ".join(each for each, names in by_origin.items() if names)


def _suits(
    task: "Task[..., Any, Any]", name: str, value: Any, given: Collection[str]
) -> bool:
    """Whether a default can be applied: not if it contradicts the task."""
    if name == "atomic":
        return not (value and inspect.iscoroutinefunction(task.func))
    if name not in _OTHER_LIMIT or _OTHER_LIMIT[name] not in given:
        return True
    other = getattr(task, _OTHER_LIMIT[name])
    if value is None or other is None:
        return True
    return bool(value < other if name == "timeout" else other < value)
