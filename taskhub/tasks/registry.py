"""
The tasks there are, by dotted path.

A message names a task, and only what is registered here is ever run: nothing is
imported by a name that came from outside.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from taskhub.exceptions import UnknownTask
from taskhub.nearest import did_you_mean

if TYPE_CHECKING:
    from taskhub.tasks.task import Task

#: For so long a task that is not registered here may be in a deploy that is under way.
UNKNOWN_FOR = timedelta(minutes=10)
#: So often it is looked at again meanwhile, here or where it is known.
UNKNOWN_AGAIN = timedelta(seconds=5)

_tasks: dict[str, "Task[..., Any]"] = {}


def register(task: "Task[..., Any]") -> None:
    """
    Register a task under its path, once for a function.

    The variants that `using()` makes share the function, and do not replace it; a
    module that is loaded again brings new functions, which do.
    """
    known = _tasks.get(task.module_path)
    if known is None or known.func is not task.func:
        _tasks[task.module_path] = task


def find_task(path: str) -> "Task[..., Any]":
    """Return the task of that path. Raise UnknownTask if none is registered."""
    try:
        return _tasks[path]
    except KeyError:
        raise UnknownTask(
            f"No task {path!r} is registered here{did_you_mean(path, _tasks)}"
        ) from None


def is_registered(path: str) -> bool:
    """Whether there is a task of that path."""
    return path in _tasks


def registered_tasks() -> "dict[str, Task[..., Any]]":
    """Return all registered tasks by path, in the order of their paths."""
    return dict(sorted(_tasks.items()))
