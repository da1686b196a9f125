"""Arguments that people are not to see: kept as they are, and shown as dots."""

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

    What its task's `masked` names is dots. Of a task that is not registered here it
    cannot be told, and everything is.
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
    Whether a task masks what is given by a name, also if that is one of **kwargs.

    A task that masks anything masks what its signature does not know, too: the task
    has changed since, and nobody can tell what it was.
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
    Return arguments that were edited as they were shown, with what is behind the dots.

    That is looked for in `stored` by the parameter's name, whether it is given by its
    position or by keyword.

    Raise UnknownTask for a task that is not registered, and InvalidArguments for dots
    where nothing was hidden.
    """
    task = find_task(task_path)
    behind = {
        place: value for place, value in _placed(task, *stored) if hides(task, place[0])
    }
    values = []
    for place, value in _placed(task, args, kwargs):
        if value == MASK and place not in behind:
            raise InvalidArguments(
                f"{MASK} stands for a value that is not shown, and there is none here; "
                "write the value."
            )
        values.append(behind[place] if value == MASK else value)
    count = len(args)
    return values[:count], dict(zip(kwargs, values[count:], strict=True))


def _placed(
    task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, int], Any]]:
    """Yield each argument after its parameter's name, and its number among *args."""
    names = _names_of_positions(task, len(args))
    for index, value in enumerate(args):
        yield (names[index], names[:index].count(names[index])), value
    for name, value in kwargs.items():
        yield (name, 0), value


def _names_of_positions(task: Any, count: int) -> list[str]:
    """Name the parameter of each positional argument; those of *args are all one."""
    parameters = signature_of(task.func, task.takes_context).parameters.values()
    names = [each.name for each in parameters if each.kind in _POSITIONAL]
    rest = [each.name for each in parameters if each.kind is each.VAR_POSITIONAL]
    return (names + rest * count + [""] * count)[:count]
