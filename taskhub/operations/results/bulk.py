"""
Bulk actions: retry, cancel or delete any number of results.

A `BulkAction` row requests the action. Stewards perform it, at some thousand results
per second, and store their progress in the row. An action continues after a crash.
"""

import logging
import time
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from taskhub import writer
from taskhub.exceptions import BrokerError, InvalidOption
from taskhub.foundation.values import escape_text
from taskhub.models import BulkAction, TaskResult, TaskResultQuerySet
from taskhub.models.results.statuses import IN_LINE_STATUSES
from taskhub.operations.results.failures import name_cause
from taskhub.operations.results.lifecycle import cancel, delete, retry_at
from taskhub.operations.results.rates import check_rate
from taskhub.operations.results.selection import Selection

logger = logging.getLogger(__name__)

Kind = BulkAction.Kind

MAX_BATCH_ROWS = 500


def affected(
    kind: str, selection: Selection, among: TaskResultQuerySet | None = None
) -> TaskResultQuerySet:
    """
    Return the selected results that the action would change now.

    `among` limits them to these results; by default, all results count.
    """
    results = selection.results() if among is None else selection.of(among)
    match Kind(kind):
        case Kind.RETRY:
            return results.exclude(status__in=IN_LINE_STATUSES)
        case Kind.CANCEL:
            return results.unfinished()
        case Kind.DELETE:
            return results


def start_bulk(
    kind: str,
    selection: Selection,
    *,
    by: str = "",
    per_second: float | None = None,
    by_force: bool = False,
    expected: int | None = None,
) -> BulkAction:
    """
    Request an action on all selected results that exist now. Return at once.

    The options are described in BulkAction. Raise InvalidOption for an unknown kind,
    for an option of another kind, or if `per_second` is out of bounds.
    """
    if kind not in Kind.values:
        known = ", ".join(Kind)
        raise InvalidOption(f"Unknown bulk action {kind!r}; expected one of: {known}.")
    if per_second is not None and kind != Kind.RETRY:
        raise InvalidOption("per_second is an option of retries only.")
    check_rate(per_second)
    if by_force and kind != Kind.CANCEL:
        raise InvalidOption("by_force is an option of cancelling only.")
    if selection.cause and not selection.cause_in_words:
        # Later, the failures that name the cause may have been retried or deleted.
        words = name_cause(selection.cause)
        selection = msgspec.structs.replace(selection, cause_in_words=words)
    return BulkAction.writing.create(
        kind=kind,
        selection=selection.until_now().to_json(),
        per_second=per_second,
        by_force=by_force,
        requested_by=by,
        expected=expected,
    )


def stop_bulk(action: BulkAction, *, by: str = "") -> bool:
    """Stop an action after its current batch. Return False if it was over already."""
    stopped = unfinished().filter(pk=action.pk)
    return bool(stopped.update(finished_at=timezone.now(), stopped_by=by))


def bulk_actions_of(
    row: TaskResult, actions: QuerySet[BulkAction] | None = None
) -> list[BulkAction]:
    """Return the actions that have changed a result, the latest first."""
    if actions is None:
        actions = BulkAction.writing.all()
    return list(actions.filter(pk__in=row.bulk_action_ids or []).order_by("-pk"))


def unfinished() -> QuerySet[BulkAction]:
    """Return the actions that are waiting or in progress."""
    return BulkAction.writing.filter(finished_at=None)


def run_bulk_actions(seconds: float) -> None:
    """
    Perform the unfinished actions, the oldest first, for about `seconds`.

    An action that fails, for example because its row was edited, is stopped. Raise
    BrokerError or a database error during an outage; the actions can continue.
    """
    end = time.monotonic() + seconds
    while (action := unfinished().order_by("pk").first()) is not None:
        try:
            _run_batch(action)
        except BrokerError:
            raise
        except Exception as error:
            if writer.is_transient(error):
                raise
            logger.exception("Stopped the bulk action %s: it failed.", action.pk)
            max_length = BulkAction._meta.get_field("stopped_by").max_length
            reason = escape_text(f"taskhub, because of an error: {error!r}")
            stop_bulk(action, by=reason[:max_length])
        if time.monotonic() > end:
            return


def _run_batch(action: BulkAction) -> None:
    results = affected(action.kind, Selection.from_json(action.selection))
    if action.done_id:
        results = results.filter(pk__gt=action.done_id)
    pks = list(results.order_by("pk").values_list("pk", flat=True)[:MAX_BATCH_ROWS])
    unfinished_action = unfinished().filter(pk=action.pk)
    if not pks:
        unfinished_action.update(finished_at=timezone.now())
        return
    done = _apply(action, pks)
    # Another steward may have completed this batch, or a later one.
    unfinished_action.filter(Q(done_id=None) | Q(done_id__lt=pks[-1])).update(
        done_id=pks[-1], done=F("done") + done
    )


def _apply(action: BulkAction, pks: list[UUID]) -> int:
    """Apply the action to results; return how many were changed."""
    rows = TaskResult.writing.filter(pk__in=pks)
    match Kind(action.kind):
        case Kind.RETRY:
            return retry_at(_due_times(action, pks), bulk_action=action.pk)
        case Kind.CANCEL:
            by = f" by {action.requested_by}" if action.requested_by else ""
            reason = f"It was cancelled{by}, with others."
            cancelled = cancel(
                rows, reason=reason, by_force=action.by_force, bulk_action=action.pk
            )
            return cancelled.waiting + cancelled.running
        case Kind.DELETE:
            return delete(rows).deleted


def _due_times(action: BulkAction, pks: list[UUID]) -> dict[UUID, datetime | None]:
    """Spread retries over the time since the request; None for those due already."""
    per_second = action.per_second
    if per_second is None:
        return dict.fromkeys(pks)
    now = timezone.now()
    due_times = {
        pk: action.requested_at + timedelta(seconds=(action.done + index) / per_second)
        for index, pk in enumerate(pks)
    }
    return {pk: due if due > now else None for pk, due in due_times.items()}
