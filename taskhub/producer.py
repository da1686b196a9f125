"""
The one door in: what is enqueued becomes a row, and its message goes to the broker.

The row is inserted in the transaction that the caller has open on the results'
database, and the push waits for that commit; see outbox.py. Rolled back, the task never
existed; committed, the row is there, even if this process dies before the push or the
broker is down. The push is only late then: the row says what is still to be done.

With a broker that lives in the rows, the insert is the push, and there is no gap.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connections, transaction

from taskhub import outbox
from taskhub.brokers import get_broker
from taskhub.conf import Config
from taskhub.exceptions import InvalidArguments
from taskhub.foundation.current import current_result
from taskhub.models import Place
from taskhub.models.base import results_database
from taskhub.models.ids import new_id
from taskhub.models.results.inserting import insert
from taskhub.models.results.slices import NewResult, NewSlice, PlainSlice
from taskhub.tasks import Task
from taskhub.tasks.arguments import Arguments, check_arguments, check_value


def enqueue(
    config: Config, task: Task[..., Any, Any], calls: Iterable[Arguments]
) -> Sequence[NewResult]:
    """
    Ask for runs of a task, one for each pair of positional and keyword arguments.

    Return their rows, which are in the database unless the task is not durable. All
    arguments are checked before anything is written. Blocks for the INSERT and, outside
    a transaction, for the push.

    Raise InvalidArguments if arguments do not fit or cannot travel. Raise BrokerError
    only for a task that is not durable, outside a transaction: any other can be pushed
    later, and what a commit cannot push any more is logged.
    """
    make: Callable[..., NewResult] = make_row
    if _is_plain(config, task):
        make = _make_plain_row
    rows = [make(config, task, args, kwargs) for args, kwargs in calls]
    submit(config, rows, durable=task.durable)
    return rows


def _is_plain(config: Config, task: Task[..., Any, Any]) -> bool:
    """Whether nothing is asked for that most rows have not: see slices.py."""
    asked = (
        task.run_after,
        task.expires_after,
        task.meta or None,
        current_result.get(),
    )
    is_plain = all(each is None for each in asked)
    return is_plain and not get_broker(config).lives_in_rows


def submit(config: Config, rows: Sequence[NewResult], *, durable: bool = True) -> None:
    """
    Insert rows of one kind, and push their messages on commit.

    Blocks, and raises BrokerError, as enqueue() does.
    """
    if not rows:
        return
    broker = get_broker(config)
    alias = results_database()
    if broker.lives_in_rows:
        for row in rows:
            if isinstance(row, NewSlice):
                # Whether it is due yet is for the database's clock to say.
                row.place = Place.DELAYED if row.run_after else Place.READY
        insert(rows, alias)
        broker.wake({row.queue_name for row in rows})
    elif durable:
        insert(rows, alias)
        outbox.push_on_commit(config, rows, alias)
    elif connections[alias].in_atomic_block:
        # Robust: the site's own hooks are to run, whatever becomes of this one. It has
        # a name, which Django logs then.
        def push() -> None:
            outbox.push(config, rows, durable=False)

        transaction.on_commit(push, using=alias, robust=True)
    else:
        outbox.push(config, rows, durable=False)


def make_row(
    config: Config,
    task: Task[..., Any, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> NewSlice:
    """
    Make the row of one run, which is not in the database yet.

    Raise InvalidArguments if the arguments do not fit or cannot travel.
    """
    meta = check_value(task.meta or {}, "meta")
    (args, kwargs), size = _check(config, task, args, kwargs, meta)
    enqueued_at = datetime.now(UTC)
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
        # By position, in the order of its fields: half of what it costs is the names.
        new_id(),
        task.module_path,
        task.queue_name,
        task.backend,
        task.priority,
        args,
        kwargs,
        datetime.now(UTC),
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
    """Return the arguments as they travel, if they do, and their size in bytes."""
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
    """Return when a run expires: so long after it is due, and not after the call."""
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
