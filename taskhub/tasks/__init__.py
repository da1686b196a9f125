"""
Tasks: what a user writes, and what asking for a run of one gives back.

`@task` makes a `Task` and registers it under its dotted path; `enqueue` gives back a
`Result`, Django's view of the `TaskResult` row; a task that takes its context receives
a `Context`. Nothing here knows the models: what needs them goes through the task's
backend, which Django creates from the settings.
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
