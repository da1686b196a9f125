"""`shared_task` and `app.task`: a function becomes the only instance of a class."""

from collections.abc import Callable
from inspect import isclass
from typing import Any

from django.conf import settings

from taskhub.exceptions import InvalidOption
from taskhub.interop.celery.app.autoretry import add_autoretry
from taskhub.interop.celery.app.options import check
from taskhub.interop.celery.app.revoked import watch_revocations
from taskhub.interop.celery.app.task import Task
from taskhub.interop.celery.registry import apps, tasks

#: Tasks that were declared while Django's settings were still loading.
_waiting: list[Task] = []


def shared_task(*args: Any, **options: Any) -> Any:
    """
    Make a Celery task of a module-level function.

    docs/howto/move-from-celery.md lists the options. An option without effect warns.

    Raise InvalidOption for an unknown option or an invalid value, and InvalidTask if
    the function cannot be a task.
    """

    def decorate(function: Callable[..., Any]) -> Task:
        return make_task(function, **options)

    if not args:
        return decorate
    if len(args) > 1 or not callable(args[0]):
        raise InvalidOption(
            "@shared_task and @app.task take options by their names, such as "
            f"name='shop.bill', and not {args!r}."
        )
    return decorate(args[0])


def make_task(
    function: Callable[..., Any],
    *,
    app: Any = None,
    name: str | None = None,
    base: type | None = None,
    bind: bool = False,
    **options: Any,
) -> Task:
    """Return the task of a function. Raise as shared_task() does."""
    owner = app or next(iter(apps), None)
    base = base or (owner.Task if owner else Task)
    where = f"the task {function.__qualname__}"
    if not (isclass(base) and issubclass(base, Task)):
        raise InvalidOption(
            f"base of {where} must be a subclass of taskhub.interop.celery.Task, not "
            f"{base!r}."
        )
    check(options, base, where)
    name = name or f"{function.__module__}.{function.__qualname__}"
    known = tasks.get(name)
    if known is not None and getattr(known, "__wrapped__", None) is function:
        # As in Celery, the same function is the same task, with its first options.
        return known
    attributes = {
        "_app": app,
        "name": name,
        "run": function if bind else staticmethod(function),
        "__wrapped__": staticmethod(function),
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        **options,
    }
    task: Task = type(function.__name__, (base,), attributes)()
    return complete(task, function.__name__, function.__qualname__)


def complete(task: Task, name: str, qualified_name: str) -> Task:
    """Register a new task. Raise as shared_task() does."""
    task.__name__, task.__qualname__ = name, qualified_name
    add_autoretry(task)
    watch_revocations()
    tasks[task.name] = task
    if settings.configured:
        _ = task.hub_task
    else:
        _waiting.append(task)
    return task


def declare_waiting() -> None:
    """Make taskhub's tasks of those that were declared before the settings."""
    while _waiting:
        _ = _waiting.pop().hub_task
