"""Enqueue tasks by their path, as operators do."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from taskhub.compat import django_tasks as compat
from taskhub.models import TaskResult
from taskhub.tasks import Task, find_task


def enqueue(
    task_path: str,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    by: str = "",
    queue_name: str | None = None,
    priority: int | None = None,
    run_after: datetime | timedelta | None = None,
    meta: Mapping[str, Any] | None = None,
    backend: str | None = None,
) -> TaskResult:
    """
    Enqueue a registered task by its path, and return its row.

    `meta` is added to the task's own; `by` is stored in it as "enqueued_by". Raise
    UnknownTask, InvalidArguments, or Django's InvalidTask for an unsupported option.
    """
    task: Task[..., Any, Any] = find_task(task_path)
    merged = {**(task.meta or {}), **(meta or {})}
    if by:
        merged["enqueued_by"] = by
    variant = task.using(
        durable=True,
        queue_name=queue_name,
        priority=priority,
        run_after=run_after,
        meta=merged,
        backend=backend,
    )
    if not getattr(variant.get_backend(), "keeps_rows", False):
        raise compat.InvalidTask(
            f"The backend {variant.backend!r} of {task.name} does not belong to "
            "taskhub; enqueue it in code."
        )
    return variant.enqueue(*args, **(kwargs or {})).row


def enqueue_again(
    result: TaskResult,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    by: str = "",
) -> TaskResult:
    """
    Enqueue the task of a result with other arguments, and return the new row.

    Queue, priority, backend and meta are the same. The old result does not change; the
    new row has its id in `meta` as "instead_of". Raise the same errors as enqueue().
    """
    return enqueue(
        result.task_path,
        args,
        kwargs,
        by=by,
        queue_name=result.queue_name,
        priority=result.priority,
        backend=result.backend,
        meta={**result.meta, "instead_of": str(result.pk)},
    )
