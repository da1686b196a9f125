"""
The registered tasks, by dotted path.

A worker runs only these tasks. It never imports a module because a message names it.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from taskhub.compat.django_tasks import InvalidTask
from taskhub.tasks.functions import is_same_function, loading_of, place_of

if TYPE_CHECKING:
    from taskhub.tasks.task import Task

#: How long a task may be unknown during a rolling deploy; then its results fail.
UNKNOWN_FOR = timedelta(minutes=10)
#: How long the message of an unknown task waits before a worker reserves it again.
UNKNOWN_AGAIN = timedelta(seconds=5)

_tasks: dict[str, "Task[..., Any, Any]"] = {}
#: By path: which execution of the module has declared the task; see loading_of().
_loadings: dict[str, object | None] = {}


def register(task: "Task[..., Any, Any]") -> None:
    """
    Register a task under its path.

    Variants made by `using()` have the same function, and do not replace the task. When
    a module is reloaded, its new tasks replace the old ones.

    Raise InvalidTask if the same module has declared another function with that path.
    """
    path, known = task.module_path, _tasks.get(task.module_path)
    if known is not None and known.func is task.func:
        return
    if task.path and known and _place_in_code(known) != _place_in_code(task):
        raise InvalidTask(
            f"Two tasks have the name {path!r}: {'.'.join(_place_in_code(known))} and "
            f"{'.'.join(_place_in_code(task))}."
        )
    loading = loading_of(task.func)
    is_same_loading = loading is not None and loading is _loadings.get(path)
    if known and is_same_loading and not is_same_function(known.func, task.func):
        raise InvalidTask(
            f"Two functions have the path {path!r}: one of {place_of(known.func)}, and "
            f"one of {place_of(task.func)}; give each a __qualname__ of its own."
        )
    _tasks[path], _loadings[path] = task, loading


def _place_in_code(task: "Task[..., Any, Any]") -> tuple[str, str]:
    return task.func.__module__, task.func.__qualname__


def lookup(path: str) -> "Task[..., Any, Any] | None":
    """Return the task that is registered under a path, or None."""
    return _tasks.get(path)


def registered_tasks() -> "dict[str, Task[..., Any, Any]]":
    """Return all registered tasks by path, sorted."""
    return dict(sorted(_tasks.items()))
