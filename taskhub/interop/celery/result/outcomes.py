"""The state and the exception of a row, as Celery has them."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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
    """
    Return the exception of the last failed attempt.

    It is a TaskFailed if its class is not loaded here, needs more than a message, or is
    not an Exception, which would end this process instead of a request.
    """
    entry = row.errors[-1] if row.errors else {}
    path = str(entry.get("exception_class_path", ""))
    message, traceback = str(entry.get("message", "")), str(entry.get("traceback", ""))
    kind = _loaded(path)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with suppress(Exception):
            return kind(message)
    name = path.rpartition(".")[2]
    return TaskFailed(f"{name}: {message}", traceback=traceback)


def _loaded(path: str) -> Any:
    """
    Return what a path names, such as shop.models.Order.DoesNotExist; None if nothing.

    Only modules that are loaded: a row must not make this process import anything.
    """
    names = path.split(".")
    for end in range(len(names) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(names[:end]))
        if found is not None:
            for name in names[end:]:
                found = getattr(found, name, None)
            return found
    return None
