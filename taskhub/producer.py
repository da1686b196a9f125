"""
The producer: enqueued tasks become rows, and their messages go to the broker.

A row is inserted in the caller's transaction on the results' database, and the push
waits for its commit; see outbox.py. After a rollback, the task was never enqueued.
After a commit, the sweep pushes the row if this process dies or the broker is down.

The messages of the database broker are the rows themselves, so the insert is the push.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connections, transaction

from taskhub import outbox
from taskhub.brokers import get_broker
from taskhub.conf import Config
from taskhub.exceptions import InvalidArguments
from taskhub.foundation.clock import utc_now
from taskhub.foundation.current import current_result
from taskhub.messages import Extra
from taskhub.models import Place
from taskhub.models.base import results_database
from taskhub.models.ids import new_id
from taskhub.models.inserting import insert
from taskhub.models.results.slices import NewResult, NewSlice, PlainSlice
from taskhub.tasks import Task
from taskhub.tasks.arguments import Arguments, check_value
from taskhub.tasks.carriers import capture
from taskhub.tasks.codec import Encoded, encode


def enqueue(
    config: Config, task: Task[..., Any, Any], calls: Iterable[Arguments]
) -> Sequence[NewResult]:
    """
    Enqueue a task once for each pair of positional and keyword arguments.

    Return the rows, which are in the database if the task is durable. Check all
    arguments before writing. Block for the INSERT and, outside a transaction, the push.

    Raise InvalidArguments if arguments do not fit the task, or cannot be sent. Raise
    BrokerError only for a task that is not durable, outside a transaction. If another
    push fails, log it; the sweep pushes the rows of durable tasks later.
    """
    context = capture(config.options.context) if config.options.context else None
    checked = [_check(task, args, kwargs) for args, kwargs in calls]
    rows: list[NewResult]
    is_plain = context is None and _is_plain(config, task)
    if is_plain and not any(each.types for each in checked):
        rows = [_make_plain_row(config, task, each) for each in checked]
    else:
        rows = [_make_row(config, task, each, context) for each in checked]
    submit(config, rows, durable=task.durable)
    return rows


def enqueue_as(
    config: Config, task: Task[..., Any, Any], call: Arguments, result_id: UUID
) -> NewResult:
    """
    Enqueue a task once, with an id that the caller has chosen; see enqueue().

    The id is a UUID of version 7: rows are selected and sorted by the time in it.
    """
    context = capture(config.options.context) if config.options.context else None
    row = _make_row(config, task, _check(task, *call), context)
    row.id = result_id
    submit(config, [row], durable=task.durable)
    return row


def _is_plain(config: Config, task: Task[..., Any, Any]) -> bool:
    """Whether the rows need no other columns than those of PlainSlice."""
    options = (
        task.run_after,
        task.expires_after,
        task.meta or None,
        current_result.get(),
    )
    is_plain = all(each is None for each in options)
    return is_plain and not get_broker(config).lives_in_rows


def submit(config: Config, rows: Sequence[NewResult], *, durable: bool = True) -> None:
    """
    Insert rows, and push their messages on commit.

    The rows have the same class. Block, and raise BrokerError, as enqueue() does.
    """
    if not rows:
        return
    alias = results_database()
    if config.options.run == "immediately":
        _submit_immediately(config, rows, alias, durable=durable)
    elif get_broker(config).lives_in_rows:
        _insert_messages(config, rows, alias)
    elif durable:
        insert(rows, alias)
        outbox.push_on_commit(config, rows, alias)
    elif connections[alias].in_atomic_block:
        # Django logs the name of this function if it raises.
        def push() -> None:
            outbox.push(config, rows, durable=False)

        # Robust: an error must not keep the site's own hooks from running.
        transaction.on_commit(push, using=alias, robust=True)
    else:
        outbox.push(config, rows, durable=False)


def _insert_messages(config: Config, rows: Sequence[NewResult], alias: str) -> None:
    """Insert rows that are the messages, too, and wake workers on commit."""
    for row in rows:
        if isinstance(row, NewSlice):
            # The database's clock decides when it is due.
            row.place = Place.DELAYED if row.run_after else Place.READY
    insert(rows, alias)
    get_broker(config).wake({row.queue_name for row in rows})


def _submit_immediately(
    config: Config, rows: Sequence[NewResult], alias: str, *, durable: bool
) -> None:
    """
    Insert rows, and run those that are due on commit, in this process.

    The others get a row even if their task is not durable: no broker has them.
    """
    due: list[NewResult] = []
    later: list[NewResult] = []
    for row in rows:
        (later if outbox.is_for_later(row) else due).append(row)
    if get_broker(config).lives_in_rows:
        for row in later:
            if isinstance(row, NewSlice):
                row.place = Place.DELAYED
    insert(rows if durable else later, alias)
    if due:
        outbox.run_on_commit(config, due, alias, durable=durable)


def make_row(
    config: Config,
    task: Task[..., Any, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> NewSlice:
    """Return the unsaved row of one run. Raise InvalidArguments as enqueue() does."""
    return _make_row(config, task, _check(task, args, kwargs), None)


def _check(
    task: Task[..., Any, Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Encoded:
    """Return the arguments as they are sent."""
    return encode(task.func, task.takes_context, args, kwargs)


def _make_row(
    config: Config,
    task: Task[..., Any, Any],
    checked: Encoded,
    context: dict[str, Any] | None,
) -> NewSlice:
    meta = check_value(task.meta or {}, "meta")
    extra = None
    if context or checked.types:
        extra = Extra(context=context, types=checked.types).store()
    size = _size(config, task, checked, meta)
    enqueued_at = utc_now()
    row = NewSlice(
        task_path=task.module_path,
        queue_name=task.queue_name,
        backend=task.backend,
        priority=task.priority,
        args=checked.args,
        kwargs=checked.kwargs,
        enqueued_at=enqueued_at,
        run_after=task.run_after,
        expires_at=_expiry(task, enqueued_at),
        meta=meta,
        extra=extra,
        parent_id=current_result.get(),
    )
    row.size = size
    return row


def _make_plain_row(
    config: Config, task: Task[..., Any, Any], checked: Encoded
) -> PlainSlice:
    size = _size(config, task, checked)
    row = PlainSlice(
        # By position, which takes half the time of keyword arguments.
        new_id(),
        task.module_path,
        task.queue_name,
        task.backend,
        task.priority,
        checked.args,
        checked.kwargs,
        utc_now(),
    )
    row.size = size
    return row


def _size(
    config: Config, task: Task[..., Any, Any], checked: Encoded, meta: Any = None
) -> int:
    """
    Return the size of the arguments with their types and `meta`, in bytes of JSON.

    Raise InvalidArguments if it is too large.
    """
    size = len(msgspec.json.encode((checked.args, checked.kwargs, meta or {})))
    if checked.types:
        size += len(msgspec.json.encode(checked.types))
    if size > config.options.max_argument_bytes:
        raise InvalidArguments(
            f"{task.name}() cannot be enqueued: its arguments and meta are {size:,} "
            "bytes of JSON, and max_argument_bytes is "
            f"{config.options.max_argument_bytes:,}; store them and pass their key."
        )
    return size


def _expiry(task: Task[..., Any, Any], enqueued_at: datetime) -> datetime | None:
    """Return when a run expires; `expires_after` counts from its due time."""
    if task.expires_after is None:
        return None
    due = max(task.run_after or enqueued_at, enqueued_at)
    try:
        return due + task.expires_after
    except OverflowError:
        raise InvalidArguments(
            f"{task.name}() cannot be enqueued: it would expire {task.expires_after} "
            f"after {due:%Y-%m-%d}, which no calendar holds; leave expires_after out."
        ) from None
