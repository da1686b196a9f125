"""Sends `task_revoked` when a result of a Celery task is cancelled."""

from typing import Any

from taskhub.interop.celery import signals
from taskhub.interop.celery.app.request import Context
from taskhub.interop.celery.registry import tasks
from taskhub.signals import task_cancelled
from taskhub.tasks import Result


def watch_revocations() -> None:
    """Send the signal from now on; sites without Celery tasks need no receiver."""
    task_cancelled.connect(_tell_revoked)


def _tell_revoked(task_result: Result[Any], **kwargs: Any) -> None:
    """Send `task_revoked` with the request of the result. Not for expired results."""
    task = tasks.get(task_result.task.module_path)
    if task is None:
        return
    request = Context(
        task_result.args,
        task_result.kwargs,
        id=task_result.id,
        task=task.name,
        called_directly=False,
    )
    signals.task_revoked.tell(
        task,
        request=request,
        terminated=task_result.started_at is not None,
        signum=None,
        expired=False,
    )
