"""The state and the exception of a row, as Celery has them."""

import sys
from typing import TYPE_CHECKING

from taskhub.exceptions import TaskFailed
from taskhub.interop.celery import states
from taskhub.interop.celery.progress import unpack
from taskhub.retries import count_failures

if TYPE_CHECKING:
    from taskhub.models import TaskResult

_STATES = {
    "READY": states.PENDING,
    "RUNNING": states.STARTED,
    "ON_HOLD": states.STARTED,
    "SUCCESSFUL": states.SUCCESS,
    "FAILED": states.FAILURE,
    "CANCELLED": states.REVOKED,
}


def state_of(row: "TaskResult | None") -> str:
    """Return Celery's state of a row, or the one that `update_state()` has reported."""
    if row is None:
        return states.PENDING
    if row.status == "READY" and row.errors:
        return states.RETRY
    if row.status == "RUNNING" and (reported := unpack(row.progress)):
        return reported[0]
    return _STATES.get(row.status, states.PENDING)


def retries_of(row: "TaskResult") -> int:
    """Return how many attempts have ended with a retry. Deaths of workers do not."""
    failures = count_failures(row.errors)
    return max(failures - (row.status == "FAILED"), 0)


def error_of(row: "TaskResult") -> BaseException:
    """Return the exception of the last failed attempt."""
    entry = row.errors[-1] if row.errors else {}
    module, _, name = str(entry.get("exception_class_path", "")).rpartition(".")
    message, traceback = str(entry.get("message", "")), str(entry.get("traceback", ""))
    # Only a class that is loaded: a row must not make this process import anything.
    kind = getattr(sys.modules.get(module), name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(message)
        except Exception:
            # Its constructor needs more than a message.
            return TaskFailed(f"{name}: {message}", traceback=traceback)
    return TaskFailed(f"{name}: {message}", traceback=traceback)
