"""
Background work for Django: tasks that are never lost, results as plain rows.

A task is a module-level function. Enqueueing it writes a `TaskResult` row in the
caller's transaction, a broker carries a message about it, and a worker writes the
outcome into the row. A message that the broker loses is pushed again from its row.

    from taskhub import task

    @task(queue_name="mail")
    def send_welcome(user_id): ...

    send_welcome.enqueue(user.pk)

Modules import from lower layers only; `pyproject.toml` lists the layers. Start reading
with `tasks/` (what users write), `producer.py` (how tasks are enqueued), `worker/` (how
they run) and `writer/` (how outcomes are written).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskhub.tasks import Call, Context, Result, Task, periodic, task

__version__ = "0.1.0"

__all__ = ["Call", "Context", "Result", "Task", "__version__", "periodic", "task"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the pytest plugin needs no Django."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from taskhub.compat.requirements import check_versions

    # Before other imports, which may fail with an older version of another package.
    check_versions()
    from taskhub import tasks

    value = globals()[name] = getattr(tasks, name)
    return value
