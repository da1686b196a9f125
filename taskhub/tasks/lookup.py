"""
Find a task by its path.

Every `taskhub.Task` registers itself. A plain Django task, made while another backend
was configured, does not: it is found in its module, if that is imported already.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import InvalidArguments, UnknownTask
from taskhub.foundation.nearest import did_you_mean
from taskhub.tasks.arguments import check_fit
from taskhub.tasks.codec import check_readable
from taskhub.tasks.registry import lookup, registered_tasks
from taskhub.tasks.task import Task


def find_task(path: str) -> Task[..., Any, Any]:
    """
    Return the task with this path.

    Raise UnknownTask if there is none, or if taskhub cannot run it.
    """
    if task := lookup(path):
        return task
    plain = _find_plain_task(path)
    if plain is None:
        raise UnknownTask(
            f"No task {path!r} is registered here"
            f"{did_you_mean(path, registered_tasks())}"
        )
    try:
        return Task.of(plain)
    except (compat.InvalidTask, compat.InvalidTaskBackend) as error:
        raise UnknownTask(f"The task {path!r} cannot be used here: {error}") from error


def misfit_of(path: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return why the code here cannot run a task with these arguments; "" if it can."""
    task = lookup(path) or _find_plain_task(path)
    if task is None:
        return f"The task {path!r} is not registered here."
    try:
        check_fit(task.func, task.takes_context, args, kwargs)
        check_readable(task.func, task.takes_context, args, kwargs)
    except InvalidArguments as error:
        return str(error)
    return ""


def _find_plain_task(path: str) -> "compat.Task[..., Any] | None":
    module_name, _dot, name = path.rpartition(".")
    # Not getattr(): a module's __getattr__ may import something.
    found = getattr(sys.modules.get(module_name), "__dict__", {}).get(name)
    if isinstance(found, compat.Task) and found.module_path == path:
        return found
    return None
