"""
Bulk actions: retry, cancel or delete all results that match, however many they are.

Asked for by writing a row; stewards do it, some thousand results a second, and write
down how far they are. It goes on after a crash, and somebody can watch it and stop it.
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
from taskhub.operations.results.failures import name_cause
from taskhub.operations.results.lifecycle import cancel, forget, retry_at
from taskhub.operations.results.rates import check_rate
from taskhub.operations.results.selection import Selection

logger = logging.getLogger(__name__)

Kind = BulkAction.Kind

#: How many results are dealt with before it is written down how far it is.
_BATCH = 500


def affected(
    kind: str, selection: Selection, among: TaskResultQuerySet | None = None
) -> TaskResultQuerySet:
    """Return the results that an action would do something to now; `among` others."""
    results = selection.results() if among is None else selection.of(among)
    match Kind(kind):
        case Kind.RETRY:
            return results.finished()
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
    Have something done to all results that match and are there by now.

    `per_second` is for retries: how many fall due in a second. `by_force` is for
    cancelling: the processes that run them are replaced. `expected` is how many were
    announced, for a progress bar. Returns at once.

    Raise InvalidOption for a kind that there is not, or an option that does not go
    with it.
    """
    if kind not in Kind.values:
        raise InvalidOption(f"{kind!r} cannot be done; expected {', '.join(Kind)}.")
    if per_second is not None and kind != Kind.RETRY:
        raise InvalidOption("per_second is for retries only.")
    check_rate(per_second)
    if by_force and kind != Kind.CANCEL:
        raise InvalidOption("by_force is for cancelling only.")
    if selection.cause and not selection.cause_in_words:
        # Of a failure that is tried again, nobody can tell it any more.
        words = name_cause(selection.cause)
        selection = msgspec.structs.replace(selection, cause_in_words=words)
    return BulkAction.writing.create(
        kind=kind,
        selection=selection.until_now().to_json(),
        per_second=per_second,
        by_force=by_force,
        asked_by=by,
        expected=expected,
    )


def stop_bulk(action: BulkAction, *, by: str = "") -> bool:
    """
    Put an end to an action; what it has done stays. False if it was over already.

    A batch that is under way is still done.
    """
    stopped = unfinished().filter(pk=action.pk)
    return bool(stopped.update(finished_at=timezone.now(), stopped_by=by))


def bulk_actions_of(
    row: TaskResult, actions: QuerySet[BulkAction] | None = None
) -> list[BulkAction]:
    """Return those actions that have done something to a result, the last first."""
    if actions is None:
        actions = BulkAction.writing.all()
    return list(actions.filter(pk__in=row.bulk_action_ids or []).order_by("-pk"))


def unfinished() -> QuerySet[BulkAction]:
    """Return the actions that are under way, or not begun yet."""
    return BulkAction.writing.filter(finished_at=None)


def do_some(seconds: float) -> None:
    """
    Do what is asked for, the oldest first, for about so many seconds.

    An action that cannot be done, since its row or a result's was edited elsewhere, is
    stopped, so that those behind it are done.

    Raise BrokerError if a broker is away, and the database's error if that is; it goes
    on from there.
    """
    end = time.monotonic() + seconds
    while (action := unfinished().order_by("pk").first()) is not None:
        try:
            _do_a_batch(action)
        except BrokerError:
            raise
        except Exception as error:
            if writer.is_transient(error):
                raise
            logger.exception("Stopped the bulk action %s, which fails.", action.pk)
            stop_bulk(action, by=_sentence_of(error))
        if time.monotonic() > end:
            return


def _sentence_of(error: Exception) -> str:
    longest = BulkAction._meta.get_field("stopped_by").max_length
    return escape_text(f"taskhub, because of an error: {error!r}")[:longest]


def _do_a_batch(action: BulkAction) -> None:
    pks = list(_rest(action).order_by("pk").values_list("pk", flat=True)[:_BATCH])
    own = unfinished().filter(pk=action.pk)
    if not pks:
        own.update(finished_at=timezone.now())
        return
    done = _do(action, pks)
    # Not if another steward has been faster.
    own.filter(Q(done_id=None) | Q(done_id__lt=pks[-1])).update(
        done_id=pks[-1], done=F("done") + done
    )


def _rest(action: BulkAction) -> TaskResultQuerySet:
    results = affected(action.kind, Selection.from_json(action.selection))
    return results.filter(pk__gt=action.done_id) if action.done_id else results


def _do(action: BulkAction, pks: list[UUID]) -> int:
    """Do it to some results; return to how many it was done."""
    rows = TaskResult.writing.filter(pk__in=pks)
    whom = f" by {action.asked_by}" if action.asked_by else ""
    match Kind(action.kind):
        case Kind.RETRY:
            return retry_at(_due_times(action, pks), bulk_action=action.pk)
        case Kind.CANCEL:
            reason = f"It was cancelled{whom}, with others."
            cancelled = cancel(
                rows, reason=reason, by_force=action.by_force, bulk_action=action.pk
            )
            return cancelled.waiting + cancelled.running
        case Kind.DELETE:
            return forget(rows).deleted


def _due_times(action: BulkAction, pks: list[UUID]) -> dict[UUID, datetime | None]:
    """Spread retries from when they were asked for; at once what is late by now."""
    per_second = action.per_second
    if per_second is None:
        return dict.fromkeys(pks)
    now = timezone.now()
    due_times = {
        pk: action.asked_at + timedelta(seconds=(action.done + index) / per_second)
        for index, pk in enumerate(pks)
    }
    return {pk: due if due > now else None for pk, due in due_times.items()}
