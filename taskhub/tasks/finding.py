"""
Finding a task by its path.

Every `taskhub.Task` registers itself. A plain Django task, made while another backend
was configured, does not: it is looked for in the modules that are loaded already.
Nothing is imported by a name from outside.
"""

import sys
from typing import Any

from taskhub import compat
from taskhub.exceptions import UnknownTask
from taskhub.nearest import did_you_mean
from taskhub.tasks.registry import lookup, registered_tasks
from taskhub.tasks.task import Task


def find_task(path: str) -> Task[..., Any, Any]:
    """
    Return the task of that path.

    Raise UnknownTask if there is none, or none that could be run.
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


def is_known(path: str) -> bool:
    """Whether there is a task of that path."""
    return lookup(path) is not None or _find_plain_task(path) is not None


def _find_plain_task(path: str) -> "compat.Task[..., Any] | None":
    module_name, _dot, name = path.rpartition(".")
    # Not getattr(): a module's __getattr__ may import something.
    found = getattr(sys.modules.get(module_name), "__dict__", {}).get(name)
    if isinstance(found, compat.Task) and found.module_path == path:
        return found
    return None
