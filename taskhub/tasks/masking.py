"""Arguments that people are not to see: kept as they are, and shown as dots."""

from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Any

from taskhub.exceptions import UnknownTask
from taskhub.tasks.arguments import signature_of
from taskhub.tasks.registry import find_task

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
MASK = "•••"


def masked(
    task_path: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """
    Return the arguments of a run as they may be shown.

    What its task's `masked` names is dots. Of a task that is not registered here it
    cannot be told, and everything is.
    """
    try:
        task = find_task(task_path)
    except UnknownTask:
        return [MASK for _ in args], dict.fromkeys(kwargs, MASK)
    hidden = getattr(task, "masked", ())
    if not hidden:
        return list(args), dict(kwargs)
    names = _names_of_positions(task, len(args))
    return (
        [
            MASK if name in hidden else value
            for name, value in zip(names, args, strict=True)
        ],
        {name: MASK if name in hidden else value for name, value in kwargs.items()},
    )


def _names_of_positions(task: Any, count: int) -> list[str]:
    """Name the parameter of each positional argument; those of *args are all one."""
    parameters = signature_of(task.func, task.takes_context).parameters.values()
    names = [each.name for each in parameters if each.kind in _POSITIONAL]
    rest = [each.name for each in parameters if each.kind is each.VAR_POSITIONAL]
    return (names + rest * count + [""] * count)[:count]
