"""A check of the annotations of tasks, by which arguments travel."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Warning, register

from taskhub.tasks import Task, registered_tasks
from taskhub.tasks.codec import faults_of


@register("taskhub")
def check_annotations(**kwargs: Any) -> list[CheckMessage]:
    """Check that values of all annotations of tasks can travel."""
    return [
        warning
        for task in registered_tasks().values()
        for warning in _warnings_of(task)
    ]


def _warnings_of(task: Task[..., Any, Any]) -> Iterator[CheckMessage]:
    for name, fault in faults_of(task.func, task.takes_context).items():
        what = f"parameter {name!r}" if name != "return" else "return value"
        yield Warning(
            f"The annotation of the {what} of {task.module_path} {fault}.",
            hint=(
                "taskhub ignores this annotation: values travel as they do without "
                "one. See docs/reference/tasks.md, Types of arguments."
            ),
            id="taskhub.W007",
        )
