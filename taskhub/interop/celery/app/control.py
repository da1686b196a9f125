"""`app.control`: revokes tasks. Its other methods say what to use instead."""

from collections.abc import Iterable
from typing import Any

from taskhub.interop.celery import database

#: What to use instead of the other methods.
INSTEAD = {
    "inspect": "taskhub.operations.read_status() and the table of nodes",
    "ping": "`manage.py taskworker --check`, or its health port",
    "purge": "`manage.py taskcontrol queue purge`",
    "discard_all": "`manage.py taskcontrol queue purge`",
    "broadcast": "`manage.py taskcontrol` for what it can do",
    "shutdown": "`manage.py taskcontrol node stop`",
    "pool_grow": "`manage.py taskcontrol node resize`",
    "pool_shrink": "`manage.py taskcontrol node resize`",
    "pool_restart": "`manage.py taskcontrol node stop`; its service starts it again",
    "cancel_consumer": "`manage.py taskcontrol queue pause`",
    "add_consumer": "`manage.py taskworker --queues`",
    "rate_limit": "a queue with few processes",
    "time_limit": "the option time_limit of the task",
    "terminate": "revoke(id, terminate=True)",
}


class Control:
    """Commands to workers."""

    def revoke(
        self,
        task_id: str | Iterable[str],
        destination: Any = None,
        terminate: bool = False,
        signal: Any = None,
        **ignored: Any,
    ) -> None:
        """Cancel results; `terminate` also replaces the processes that run them."""
        if isinstance(task_id, str) or not isinstance(task_id, Iterable):
            task_id = [task_id]
        # An AsyncResult is read as its id.
        ids = [str(each) for each in task_id]
        database.cancel(ids, by_force=terminate, reason="It was revoked.")

    def __getattr__(self, name: str) -> Any:
        if name in INSTEAD:
            raise AttributeError(
                f"app.control.{name} does not exist here; use {INSTEAD[name]}."
            )
        raise AttributeError(f"app.control has no {name!r}.")
