"""`{% load taskhub %}`: what the site's own pages show of results."""

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
    Show how far a result is, and keep it up to date until it is finished.

    Takes a `TaskResult` row, what `enqueue` has given back, or an id. With `reload`,
    the page is loaded anew at the end. The page needs `taskhub/progress.js`. Whoever
    sees the page may follow the result for a day: who that is, its view decides.
    """
    if isinstance(result, TaskResult):
        pk, told = result.pk, describe_progress(result)
    else:
        pk = UUID(str(getattr(result, "id", result)))
        told = read_progress(pk) or describe_missing(was_there=False)
    return {"progress": {"url": progress_url(pk), **told}, "reload": reload}
