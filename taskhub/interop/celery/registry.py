"""The apps and the Celery tasks of this process."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskhub.interop.celery.app.application import Celery
    from taskhub.interop.celery.app.task import Task

#: The first one is the current app.
apps: "list[Celery]" = []
#: By name: `app.tasks`.
tasks: "dict[str, Task]" = {}
