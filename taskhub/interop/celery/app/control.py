"""`app.control`: revoking tasks. Other words of it say what taskhub has instead."""

from collections.abc import Iterable
from typing import Any

from taskhub.interop.celery import database

_INSTEAD = {
    "inspect": "taskhub.operations.read_status() and the table of nodes",
    "ping": "`manage.py taskworker --check`",
    "purge": "`manage.py taskcontrol purge`",
    "discard_all": "`manage.py taskcontrol purge`",
    "broadcast": "`manage.py taskcontrol` for what it can do",
    "shutdown": "`manage.py taskcontrol stop`",
    "pool_grow": "`manage.py taskcontrol resize`",
    "pool_shrink": "`manage.py taskcontrol resize`",
    "pool_restart": "`manage.py taskcontrol stop`, and a supervisor that starts it",
    "cancel_consumer": "`manage.py taskcontrol pause`",
    "add_consumer": "`manage.py taskcontrol resume`",
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
        # An AsyncResult is read as its id.
        several = isinstance(task_id, list | tuple | set | frozenset)
        ids = [str(each) for each in task_id] if several else [str(task_id)]
        database.cancel(ids, by_force=terminate, reason="It was revoked.")

    def __getattr__(self, name: str) -> Any:
        if name in _INSTEAD:
            raise AttributeError(
                f"app.control.{name} does not exist here; use {_INSTEAD[name]}."
            )
        raise AttributeError(f"app.control has no {name!r}.")
