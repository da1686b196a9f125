"""
Background work for Django: tasks that are never lost, results as plain rows.

A task is a module-level function; enqueueing it writes a `TaskResult` row in the
caller's own transaction, a broker carries a message about it, and a worker's
outcome goes back into the row. The row is the truth, the broker an index of it.

    from taskhub import task

    @task(queue_name="mail")
    def send_welcome(user_id): ...

    send_welcome.enqueue(user.pk)

Imports run downwards only; `pyproject.toml` lists the floors. Start reading at
`tasks/` (what a user writes), `producer.py` (how it gets in), `worker/` (how it is
run) and `writer/` (how it ends).
"""

from taskhub.tasks import Call, Context, Result, Task, periodic, task

__version__ = "0.1.0"

__all__ = ["Call", "Context", "Result", "Task", "__version__", "periodic", "task"]
