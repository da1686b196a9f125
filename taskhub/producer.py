"""
The one door in: what is enqueued becomes a row, and its message goes to the broker.

This is an outbox. The row is inserted in the transaction that the caller has open on
the results' database, and the push waits for that commit. Rolled back, the task never
existed; committed, the row is there, even if this process dies before the push or the
broker is down. The push is only late then: the row says what is still to be done. Not
every caller waits for a broker that is away: after a failure, the next ones leave their
pushes for later at once.

With a broker that lives in the rows, the insert is the push, and there is no gap.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from django.db import connections, transaction
from django.db.models import QuerySet

from taskhub.breaker import Breaker
from taskhub.brokers import get_broker
from taskhub.brokers.base import Broker
from taskhub.conf import Config
from taskhub.exceptions import BrokerError, BrokerUnavailable, InvalidArguments
from taskhub.messages import Envelope, Returned, seal
from taskhub.models import Place, Status, TaskResult
from taskhub.models.ids import new_id
from taskhub.models.results import results_database
from taskhub.models.slices import NewResult, NewSlice, PlainSlice
from taskhub.tasks import Task
from taskhub.tasks.arguments import Arguments, check_arguments, check_value
from taskhub.tasks.current import current_result

logger = logging.getLogger(__name__)

#: Rows in one INSERT.
_BATCH = 1_000
#: For so long after a push has failed, others are left for later without a try: each
#: would hold its caller up until a timeout.
_REST_SECONDS = 2.0

_breakers: WeakKeyDictionary[Broker, Breaker] = WeakKeyDictionary()


def enqueue(
    config: Config, task: Task[..., Any], calls: Iterable[Arguments]
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


def _is_plain(config: Config, task: Task[..., Any]) -> bool:
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
        _insert(rows, alias)
        broker.wake({row.queue_name for row in rows})
    elif durable:
        _insert(rows, alias)
        transaction.on_commit(partial(_push_or_leave, config, rows), using=alias)
    elif connections[alias].in_atomic_block:
        # Robust: the site's own hooks are to run, whatever becomes of this one.
        push = partial(_push, config, rows, durable=False)
        transaction.on_commit(push, using=alias, robust=True)
    else:
        _push(config, rows, durable=False)


def make_row(
    config: Config, task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> NewSlice:
    """
    Make the row of one run, which is not in the database yet.

    Raise InvalidArguments if the arguments do not fit or cannot travel.
    """
    meta = check_value(task.meta or {}, "meta")
    args, kwargs = _check(config, task, args, kwargs, meta)
    enqueued_at = datetime.now(UTC)
    return NewSlice(
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


def _make_plain_row(
    config: Config, task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> PlainSlice:
    args, kwargs = _check(config, task, args, kwargs)
    return PlainSlice(
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


def _check(
    config: Config,
    task: Task[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    meta: Any = None,
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments as they travel, if they do."""
    checked = check_arguments(task.func, task.takes_context, args, kwargs)
    size = len(msgspec.json.encode((*checked, meta or {})))
    if size > config.options.max_argument_bytes:
        raise InvalidArguments(
            f"{task.name}() cannot be enqueued: its arguments and meta are {size:,} "
            "bytes of JSON, and max_argument_bytes is "
            f"{config.options.max_argument_bytes:,}; store them and pass their key."
        )
    return checked


def _expiry(task: Task[..., Any], enqueued_at: datetime) -> datetime | None:
    after = task.expires_after
    return None if after is None else enqueued_at + after


def _insert(rows: Sequence[NewResult], alias: str) -> None:
    first, *others = rows
    if not others:
        first.save(force_insert=True, using=alias)
        return
    of_its_kind: QuerySet[Any] = type(first)._default_manager.using(alias)
    of_its_kind.bulk_create(rows, batch_size=_BATCH)


def _push(config: Config, rows: Sequence[NewResult], *, durable: bool) -> None:
    key = config.signing_keys[0]
    breaker = _breaker(config)
    try:
        get_broker(config).push(
            [
                Envelope(
                    id=row.id,
                    queue_name=row.queue_name,
                    priority=row.priority,
                    run_after=row.run_after,
                    body=seal(row.to_message(durable=durable), key),
                )
                for row in rows
            ]
        )
    except BrokerUnavailable:
        breaker.fail()
        raise
    breaker.succeed()


def _breaker(config: Config) -> Breaker:
    return _breakers.setdefault(get_broker(config), Breaker(_REST_SECONDS))


def push_again(config: Config, rows: Sequence[TaskResult]) -> None:
    """
    Push rows that the broker has lost or never had; each may have been started.

    Whoever gets one looks at its row before running it. Raise BrokerError if the broker
    cannot be reached.
    """
    key = config.signing_keys[0]
    get_broker(config).push(
        [
            Envelope(
                id=row.id,
                queue_name=row.queue_name,
                priority=row.priority,
                run_after=row.run_after,
                body=seal(row.to_message(), key),
                returned=Returned(
                    holder=row.worker_ids[-1] if row.worker_ids else "",
                    died=row.status == Status.RUNNING,
                ),
            )
            for row in rows
        ]
    )


def _push_or_leave(config: Config, rows: Sequence[NewResult]) -> None:
    breaker = _breaker(config)
    if not breaker.allows():
        if breaker.skip():
            _log_left(
                rows,
                "The broker was away a moment ago; what follows is not tried for "
                f"{_REST_SECONDS:g} s.",
            )
        return
    try:
        _push(config, rows, durable=True)
    except BrokerError as error:
        # The caller's work is committed and the rows are there: nothing is lost, and
        # nothing that a web request could do about it.
        _log_left(rows, error)


def _log_left(rows: Sequence[NewResult], reason: object) -> None:
    logger.error(
        "Not pushed yet: %d of %s, from %s. %s Each row stays READY.",
        len(rows),
        rows[0].task_path,
        rows[0].id,
        reason,
    )
