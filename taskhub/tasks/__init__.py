"""
Tasks, and the results that users get when they enqueue them.

`@task` makes a `Task` and registers it under its dotted path. `enqueue` returns a
`Result`, which is Django's view of the `TaskResult` row. A task that takes its context
receives a `Context`. This package does not import the models: it calls code that needs
them through the task's backend, which Django creates from the settings.
"""

from taskhub.tasks.calls import Call
from taskhub.tasks.context import Context
from taskhub.tasks.declared import Declared, declared_schedules, periodic
from taskhub.tasks.decorator import task
from taskhub.tasks.lookup import find_task, misfit_of
from taskhub.tasks.registry import registered_tasks
from taskhub.tasks.result import AttemptError, Result, as_enqueued
from taskhub.tasks.task import Task

__all__ = [
    "AttemptError",
    "Call",
    "Context",
    "Declared",
    "Result",
    "Task",
    "as_enqueued",
    "declared_schedules",
    "find_task",
    "misfit_of",
    "periodic",
    "registered_tasks",
    "task",
]
