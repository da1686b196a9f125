"""
The tasks there are, by dotted path.

A message names a task, and only what is registered here is ever run: nothing is
imported by a name that came from outside.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from taskhub.compat.django_tasks import InvalidTask
from taskhub.tasks.functions import is_same_function, loading_of, place_of

if TYPE_CHECKING:
    from taskhub.tasks.task import Task

#: For so long a task that is not registered here may be in a deploy that is under way.
UNKNOWN_FOR = timedelta(minutes=10)
#: So often it is looked at again meanwhile, here or where it is known.
UNKNOWN_AGAIN = timedelta(seconds=5)

_tasks: dict[str, "Task[..., Any, Any]"] = {}
#: In which execution of its module each was declared.
_loadings: dict[str, object | None] = {}


def register(task: "Task[..., Any, Any]") -> None:
    """
    Register a task under its path, once for a function.

    The variants that `using()` makes share the function, and do not replace it; a
    module that is loaded again brings new functions, which do.

    Raise InvalidTask if the same module has declared another function with that path.
    """
    path, known = task.module_path, _tasks.get(task.module_path)
    if known is not None and known.func is task.func:
        return
    loading = loading_of(task.func)
    is_same_loading = loading is not None and loading is _loadings.get(path)
    if known and is_same_loading and not is_same_function(known.func, task.func):
        raise InvalidTask(
            f"Two functions have the path {path!r}: one of {place_of(known.func)}, and "
            f"one of {place_of(task.func)}; give each a __qualname__ of its own."
        )
    _tasks[path], _loadings[path] = task, loading


def lookup(path: str) -> "Task[..., Any, Any] | None":
    """Return the task that is registered under a path, if there is one."""
    return _tasks.get(path)


def registered_tasks() -> "dict[str, Task[..., Any, Any]]":
    """Return all registered tasks by path, in the order of their paths."""
    return dict(sorted(_tasks.items()))
