"""What `get()` returns, or raises, for a finished result."""

from typing import TYPE_CHECKING, Any

from taskhub.exceptions import ResultTruncated, TaskCancelled, TaskExpired, TaskFailed
from taskhub.models.results.statuses import Status

if TYPE_CHECKING:
    from taskhub.models.results.task_result import TaskResult

#: The `exception_class_path` of errors of results that were cancelled, or expired.
CANCELLED_CLASS_PATH = f"{TaskCancelled.__module__}.{TaskCancelled.__qualname__}"
EXPIRED_CLASS_PATH = f"{TaskExpired.__module__}.{TaskExpired.__qualname__}"


def outcome_of(result: "TaskResult") -> Any:
    """
    Return the return value of a finished result.

    Raise TaskFailed, TaskCancelled or ResultTruncated; RuntimeError if not finished.
    """
    error = result.errors[-1] if result.errors else {}
    match result.status:
        case Status.SUCCESSFUL if result.is_truncated:
            raise ResultTruncated(
                f"{result} returned too much to store; `return_value` has the "
                f"beginning as text. {result.storage_notes['truncated']}"
            )
        case Status.SUCCESSFUL:
            return result.return_value
        case Status.FAILED:
            raise TaskFailed(
                f"{result} failed: {error.get('exception_class_path', 'no error')}: "
                f"{error.get('message', '')}",
                traceback=error.get("traceback", ""),
            )
        case Status.CANCELLED:
            expired = error.get("exception_class_path") == EXPIRED_CLASS_PATH
            reason = error.get("message", "It was cancelled.")
            raise (TaskExpired if expired else TaskCancelled)(f"{result}: {reason}")
    raise RuntimeError(f"{result} is not finished.")
