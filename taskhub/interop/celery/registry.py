"""The Celery tasks of this process, by name: `app.tasks`."""

from typing import TYPE_CHECKING

from taskhub.tasks import Task as HubTask
from taskhub.tasks import find_task

if TYPE_CHECKING:
    from typing import Any

    from taskhub.interop.celery.app.task import Task

tasks: "dict[str, Task]" = {}


def hub_task_of(task: "Task | str") -> "HubTask[..., Any, Any]":
    """Return a task as taskhub knows it. Raise UnknownTask for an unknown name."""
    if not isinstance(task, str):
        return task.hub_task
    return tasks[task].hub_task if task in tasks else find_task(task)
