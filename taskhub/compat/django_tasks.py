"""
`django.tasks`, from Django itself or from its backport.

Django 6.0 and later have it. On Django 5.2 the backport `django-tasks` has the same
classes under other names. No other module of taskhub imports either of the two.
"""

import logging
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import django
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal

#: The app that Django's tasks require in INSTALLED_APPS, if any.
REQUIRED_APP: str | None


def _backport_needed() -> ImproperlyConfigured:
    """Return the error for a Django without tasks and without their backport."""
    try:
        found = f"django-tasks {version('django-tasks')} is installed"
    except PackageNotFoundError:
        found = "django-tasks is not installed"
    return ImproperlyConfigured(
        f"taskhub needs django-tasks 0.12 or 0.13 on Django {django.__version__}, "
        f"which has no tasks of its own; {found}. Run: pip install "
        f"'django-tasks>=0.12,<0.14'"
    )


if TYPE_CHECKING or find_spec("django.tasks"):
    from django.tasks import TaskContext, TaskResultStatus, task_backends
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.base import (
        DEFAULT_TASK_BACKEND_ALIAS,
        DEFAULT_TASK_PRIORITY,
        DEFAULT_TASK_QUEUE_NAME,
        TASK_MAX_PRIORITY,
        TASK_MIN_PRIORITY,
        Task,
        TaskError,
        TaskResult,
    )
    from django.tasks.exceptions import (
        InvalidTask,
        InvalidTaskBackend,
        TaskResultDoesNotExist,
    )
    from django.tasks.signals import task_enqueued, task_finished, task_started

    REQUIRED_APP = None
    LOGGER_NAME = "django.tasks"
else:
    try:
        from django_tasks import (
            TaskContext,
            TaskResultStatus,
            exceptions,
            task_backends,
        )
        from django_tasks.backends.base import BaseTaskBackend
        from django_tasks.base import (
            DEFAULT_TASK_BACKEND_ALIAS,
            DEFAULT_TASK_PRIORITY,
            DEFAULT_TASK_QUEUE_NAME,
            TASK_MAX_PRIORITY,
            TASK_MIN_PRIORITY,
            Task,
            TaskError,
            TaskResult,
        )
        from django_tasks.exceptions import TaskResultDoesNotExist
        from django_tasks.signals import task_enqueued, task_finished, task_started
    except ImportError:
        # The traceback of the import would only show this module.
        raise _backport_needed() from None

    def _exception(name: str) -> type[Exception]:
        # Versions up to 0.12 have other names for some exceptions than Django.
        return getattr(exceptions, name, None) or getattr(exceptions, f"{name}Error")

    InvalidTask = _exception("InvalidTask")
    InvalidTaskBackend = _exception("InvalidTaskBackend")

    REQUIRED_APP = "django_tasks"
    LOGGER_NAME = "django_tasks"

__all__ = [
    "DEFAULT_TASK_BACKEND_ALIAS",
    "DEFAULT_TASK_PRIORITY",
    "DEFAULT_TASK_QUEUE_NAME",
    "LOGGER_NAME",
    "REQUIRED_APP",
    "TASK_MAX_PRIORITY",
    "TASK_MIN_PRIORITY",
    "BaseTaskBackend",
    "InvalidTask",
    "InvalidTaskBackend",
    "Task",
    "TaskContext",
    "TaskError",
    "TaskResult",
    "TaskResultDoesNotExist",
    "TaskResultStatus",
    "is_heard",
    "task_backends",
    "task_enqueued",
    "task_finished",
    "task_started",
]


_logger = logging.getLogger(LOGGER_NAME)


def is_heard(signal: Signal) -> bool:
    """
    Whether a signal of Django's tasks has a receiver that would do something.

    Django itself always has one, which logs a line at INFO for each task.
    """
    return len(signal.receivers) > 1 or _logger.isEnabledFor(logging.INFO)
