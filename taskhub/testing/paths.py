"""The paths of tasks that tests name."""

from taskhub.models.results.querysets import HasPath


def path_of(task: HasPath) -> str:
    """Return the dotted path of a task. Raise TypeError for anything else."""
    path = getattr(task, "module_path", None)
    if not isinstance(path, str):
        raise TypeError(
            f"{task!r} is not a task; pass what @task has made of the function."
        )
    return path
