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
from taskhub.models.results.inserting import insert
from taskhub.models.results.slices import NewResult, NewSlice, PlainSlice
from taskhub.tasks import Task
from taskhub.tasks.arguments import Arguments, check_arguments, check_value
from taskhub.tasks.carriers import capture


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
    rows: list[NewResult]
    if context is None and _is_plain(config, task):
        rows = [_make_plain_row(config, task, args, kwargs) for args, kwargs in calls]
    else:
        extra = None if context is None else Extra(context=context)
        rows = [make_row(config, task, args, kwargs, extra) for args, kwargs in calls]
    submit(config, rows, durable=task.durable)
    return rows


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
    extra: Extra | None = None,
) -> NewSlice:
    """Return the unsaved row of one run. Raise InvalidArguments as enqueue() does."""
    meta = check_value(task.meta or {}, "meta")
    (args, kwargs), size = _check(config, task, args, kwargs, meta)
    enqueued_at = utc_now()
    row = NewSlice(
        task_path=task.module_path,
        queue_name=task.queue_name,
        backend=task.backend,
        priority=task.priority,
        args=args,
        kwargs=kwargs,
        enqueued_at=enqueued_at,
        run_after=task.run_after,
        expires_at=_expiry(task, enqueued_at),
        meta=meta,
        extra=None if extra is None else extra.store(),
        parent_id=current_result.get(),
    )
    row.size = size
    return row


def _make_plain_row(
    config: Config,
    task: Task[..., Any, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> PlainSlice:
    (args, kwargs), size = _check(config, task, args, kwargs)
    row = PlainSlice(
        # By position, which takes half the time of keyword arguments.
        new_id(),
        task.module_path,
        task.queue_name,
        task.backend,
        task.priority,
        args,
        kwargs,
        utc_now(),
    )
    row.size = size
    return row


def _check(
    config: Config,
    task: Task[..., Any, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    meta: Any = None,
) -> tuple[tuple[list[Any], dict[str, Any]], int]:
    """Return the arguments as they are sent, and their size with `meta` in bytes."""
    checked = check_arguments(task.func, task.takes_context, args, kwargs)
    size = len(msgspec.json.encode((*checked, meta or {})))
    if size > config.options.max_argument_bytes:
        raise InvalidArguments(
            f"{task.name}() cannot be enqueued: its arguments and meta are {size:,} "
            "bytes of JSON, and max_argument_bytes is "
            f"{config.options.max_argument_bytes:,}; store them and pass their key."
        )
    return checked, size


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
