"""`{% load taskhub %}`: template tags for a project's own pages."""

from typing import Any
from uuid import UUID

from django import template

from taskhub.models import TaskResult
from taskhub.operations.results.progress import (
    describe_missing,
    describe_progress,
    read_progress,
)
from taskhub.views import progress_url

register = template.Library()


@register.inclusion_tag("taskhub/progress.html")
def task_progress(result: Any, *, reload: bool = False) -> dict[str, Any]:
    """
    Show the progress bar of a result, which is updated until the result is finished.

    `result` is a `TaskResult` row, the return value of `enqueue`, or an id. With
    `reload`, the page is reloaded when the result is finished. The page must include
    the script `taskhub/progress.js`.

    Every user who sees the page may follow the result for a day, so its view must check
    permissions.
    """
    if isinstance(result, TaskResult):
        pk, progress = result.pk, describe_progress(result)
    else:
        pk = UUID(str(getattr(result, "id", result)))
        progress = read_progress(pk) or describe_missing(was_there=False)
    return {"progress": {"url": progress_url(pk), **progress}, "reload": reload}
