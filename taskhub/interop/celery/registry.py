"""The apps and the Celery tasks of this process."""

from typing import TYPE_CHECKING

from taskhub.tasks import Task as HubTask
from taskhub.tasks import find_task

if TYPE_CHECKING:
    from typing import Any

    from taskhub.interop.celery.app.application import Celery
    from taskhub.interop.celery.app.task import Task

#: In the order in which they were made. The first one is the current app.
apps: "list[Celery]" = []
#: By name: `app.tasks`.
tasks: "dict[str, Task]" = {}


def hub_task_of(task: "Task | str") -> "HubTask[..., Any, Any]":
    """Return a task as taskhub knows it. Raise UnknownTask for an unknown name."""
    if not isinstance(task, str):
        return task.hub_task
    return tasks[task].hub_task if task in tasks else find_task(task)
