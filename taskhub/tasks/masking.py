"""Masked arguments, which are stored as they are and shown as dots."""

from collections.abc import Iterator, Mapping, Sequence
from inspect import Parameter
from typing import Any

from taskhub.exceptions import InvalidArguments, UnknownTask
from taskhub.tasks.arguments import Arguments, signature_of
from taskhub.tasks.lookup import find_task
from taskhub.tasks.registry import registered_tasks

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
MASK = "•••"


def masked(
    task_path: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """
    Return the arguments of a run as they may be shown.

    Values of the task's `masked` parameters, or of an unknown task, become dots.
    """
    try:
        task = find_task(task_path)
    except UnknownTask:
        return [MASK for _ in args], dict.fromkeys(kwargs, MASK)
    if not getattr(task, "masked", ()):
        return list(args), dict(kwargs)
    names = _names_of_positions(task, len(args))
    return (
        [
            MASK if hides(task, name) else value
            for name, value in zip(names, args, strict=True)
        ],
        {name: MASK if hides(task, name) else value for name, value in kwargs.items()},
    )


def masks_nothing(task_path: str) -> bool:
    """Whether all arguments of a task may be shown; False if it is not registered."""
    task = registered_tasks().get(task_path)
    return task is not None and not getattr(task, "masked", ())


def hides(task: Any, name: str) -> bool:
    """
    Whether a task masks the argument of this name, which may belong to **kwargs.

    `name` is "" for a positional argument that the signature does not have. A task with
    masked parameters also masks arguments that its signature does not have: the
    signature has changed since, and a masked parameter may have been renamed.
    """
    hidden = getattr(task, "masked", ())
    if not hidden or name in hidden:
        return bool(hidden)
    parameters = signature_of(task.func, task.takes_context).parameters
    if name in parameters:
        return False
    others = [
        each.name for each in parameters.values() if each.kind is each.VAR_KEYWORD
    ]
    return not name or not others or any(each in hidden for each in others)


def unmasked(
    task_path: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    stored: Arguments,
) -> tuple[list[Any], dict[str, Any]]:
    """
    Return edited arguments, with the stored values instead of dots.

    A stored value is found by the name of its parameter, even if the edit has changed a
    positional argument to a keyword argument.

    Raise UnknownTask if the task is not registered, and InvalidArguments for dots
    without a stored value.
    """
    task = find_task(task_path)
    hidden_values = {
        place: value for place, value in _placed(task, *stored) if hides(task, place[0])
    }
    values = []
    for place, value in _placed(task, args, kwargs):
        if value == MASK and place not in hidden_values:
            raise InvalidArguments(
                f"{MASK} stands for a stored value, and this argument has none; write "
                "the value."
            )
        values.append(hidden_values[place] if value == MASK else value)
    count = len(args)
    return values[:count], dict(zip(kwargs, values[count:], strict=True))


def _placed(
    task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, int], Any]]:
    """Yield ((parameter's name, index among *args), value) of each argument."""
    names = _names_of_positions(task, len(args))
    for index, value in enumerate(args):
        yield (names[index], names[:index].count(names[index])), value
    for name, value in kwargs.items():
        yield (name, 0), value


def _names_of_positions(task: Any, count: int) -> list[str]:
    """Return the parameter's name of each of `count` positional arguments."""
    parameters = signature_of(task.func, task.takes_context).parameters.values()
    names = [each.name for each in parameters if each.kind in _POSITIONAL]
    rest = [each.name for each in parameters if each.kind is each.VAR_POSITIONAL]
    return (names + rest * count + [""] * count)[:count]
