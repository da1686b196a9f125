"""
What needs taskhub's models, which may be imported only when Django has loaded its apps.

A site imports this package while its settings are still loading, so these functions
import what they need when they are called.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import transaction

from taskhub.exceptions import ResultNotKept
from taskhub.messages import Extra
from taskhub.tasks.codec import encode

if TYPE_CHECKING:
    from taskhub.models import TaskResult, TaskResultQuerySet

#: How many parents are followed to find the first one.
_MAX_ANCESTORS = 100


def find_row(result_id: str) -> "TaskResult | None":
    """Return the row of a result; None if there is none."""
    return _rows(result_id).first()


def row_of(result_id: str) -> "TaskResult":
    """Return the row of a result. Raise ResultNotKept if there is none."""
    if (row := find_row(result_id)) is None:
        raise ResultNotKept(
            f"Result {result_id} has no row: its id is unknown, its transaction was "
            "rolled back, or its task does not keep it."
        )
    return row


def parent_of(result_id: str) -> str | None:
    """Return the id of the result whose run has enqueued this one; None if none has."""
    parent = _rows(result_id).values_list("parent_id", flat=True).first()
    return None if parent is None else str(parent)


def root_of(result_id: str) -> str:
    """Return the id of the first in the line of parents; the id itself without any."""
    for _ in range(_MAX_ANCESTORS):
        if (parent := parent_of(result_id)) is None:
            break
        result_id = parent
    return result_id


def children_of(result_id: str) -> list[str]:
    """Return the ids of the results that the run of a result has enqueued."""
    from taskhub.models import TaskResult
    from taskhub.models.ids import ids_in

    rows = TaskResult.writing.filter(parent_id__in=ids_in([result_id])).order_by("id")
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def cancel(result_ids: list[str], *, by_force: bool, reason: str) -> None:
    """Cancel results; see taskhub.operations.results.cancel()."""
    from taskhub.operations.results import cancel as cancel_results

    cancel_results(_rows(*result_ids), by_force=by_force, reason=reason)


def delete(result_id: str) -> None:
    """Delete a finished result."""
    from taskhub.operations.results import delete as delete_results

    delete_results(_rows(result_id).finished())


def change_arguments(
    result_id: str, function: Callable[..., Any], args: Any, kwargs: Any
) -> None:
    """
    Write other arguments into the row of a running result, for its next attempt.

    Raise InvalidArguments as enqueue() does, and ResultNotKept if there is no row.
    """
    sent = encode(function, True, args, kwargs)
    extra = Extra.read(row_of(result_id).extra) or Extra()
    changed = msgspec.structs.replace(extra, types=sent.types).store()
    _rows(result_id).unfinished().update(
        args=sent.args, kwargs=sent.kwargs, extra=changed or None
    )


def together() -> AbstractContextManager[Any]:
    """Return a transaction on the database of the results."""
    from taskhub.models.base import results_database

    return transaction.atomic(using=results_database())


def _rows(*result_ids: str) -> "TaskResultQuerySet":
    """Return the rows of results; an id that is no UUID has none."""
    from taskhub.models import TaskResult
    from taskhub.models.ids import ids_in

    return TaskResult.writing.filter(pk__in=ids_in([*result_ids]))
