"""
The options that a site sets for all tasks or by patterns, applied to a task.

The order, from weakest to strongest: taskhub's own default, `task_defaults`, `@task`,
`task_rules` in their order, `using()`. Names in `masked` are added up. They are applied
once, when the task is defined, so that enqueueing and running cost nothing more.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from taskhub.conf import find_config

if TYPE_CHECKING:
    from taskhub.tasks.task import Task

#: The origin of an option that @task sets.
IN_CODE = "@task"


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
    config = find_config(task.backend)
    if config is None:
        return {}, dict.fromkeys(given, IN_CODE)
    place = f"TASKS[{config.alias!r}]['OPTIONS']"
    rules = [
        _Layer(rule.options, f"{place}['task_rules'][{rule.pattern!r}]")
        for rule in config.options.task_rules
        if rule.matches(task.module_path)
    ]
    stronger = {name: getattr(task, name) for name in given}
    for rule in rules:
        stronger |= rule.options
    defaults = _suitable(config.options.task_defaults, stronger, task.func)
    layers = [_Layer(defaults, f"{place}['task_defaults']"), *rules]
    values: dict[str, Any] = {}
    origins = dict.fromkeys(given, IN_CODE)
    for options, origin in layers:
        values |= options
        origins |= dict.fromkeys(options, origin)
    if "masked" in values:
        values["masked"], origins["masked"] = _add_up_masked(task, layers)
    return values, {name: origin for name, origin in origins.items() if origin}


def _suitable(
    defaults: Mapping[str, Any],
    stronger: Mapping[str, Any],
    function: Callable[..., Any],
) -> dict[str, Any]:
    """
    Return the defaults that apply to a task.

    `stronger` are the options from @task and from rules. They replace a default, and a
    default that contradicts them is left out.
    """
    suitable = {
        name: value
        for name, value in defaults.items()
        if name == "masked" or name not in stronger
    }
    if _contradict({**suitable, **stronger}):
        suitable.pop("timeout", None)
        suitable.pop("hard_timeout", None)
    if suitable.get("atomic") and inspect.iscoroutinefunction(function):
        del suitable["atomic"]
    return suitable


def _contradict(options: Mapping[str, Any]) -> bool:
    """Whether a hard timeout would come before the timeout."""
    soft, hard = options.get("timeout"), options.get("hard_timeout")
    # Of other types, if @task sets one wrongly, which is checked later.
    return (
        isinstance(soft, int | float) and isinstance(hard, int | float) and hard <= soft
    )


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
