"""Celery's app: its tasks, their runs, its settings and its schedules."""

from taskhub.interop.celery.app.application import Celery, finalize_apps
from taskhub.interop.celery.app.current import current_app, current_task
from taskhub.interop.celery.app.decorator import shared_task
from taskhub.interop.celery.app.task import Task

__all__ = [
    "Celery",
    "Task",
    "current_app",
    "current_task",
    "finalize_apps",
    "shared_task",
]
