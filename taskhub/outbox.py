"""
The outbox: what was committed is pushed, at once or as soon as it can be.

Not every caller waits for a broker that is away: after a failure, the next ones leave
their pushes for later at once, and the sweep sees to them.
"""

import logging
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections, transaction

from taskhub.brokers import get_broker
from taskhub.brokers.base import Broker
from taskhub.conf import Config
from taskhub.exceptions import BrokerError, BrokerUnavailable
from taskhub.foundation.breaker import Breaker
from taskhub.messages import Envelope, Returned, seal
from taskhub.models import Status, TaskResult
from taskhub.models.results.slices import NewResult
from taskhub.retries import is_death

logger = logging.getLogger(__name__)

#: For so long after a push has failed, others are left for later without a try: each
#: would hold its caller up until a timeout.
_REST_SECONDS = 2.0

_breakers: WeakKeyDictionary[Broker, Breaker] = WeakKeyDictionary()


class _Push:
    """A hook for on_commit: pushes rows. More may be added until then."""

    def __init__(self, config: Config, rows: Sequence[NewResult]) -> None:
        self.config = config
        self.rows = list(rows)

    def __call__(self) -> None:
        _push_or_leave(self.config, self.rows)


def push_on_commit(config: Config, rows: Sequence[NewResult], alias: str) -> None:
    """
    Push rows when what is under way on a database is committed; now, if nothing is.

    Does not raise: what cannot be pushed is logged, and left to the sweep. What one
    transaction enqueues in a row is one push.
    """
    if (earlier := _joinable(config, connections[alias])) is not None:
        earlier.rows += rows
    else:
        transaction.on_commit(_Push(config, rows), using=alias)


def _joinable(config: Config, connection: Any) -> _Push | None:
    """
    Return the push that rows of now can join: it will happen if, and only if, theirs.

    That is the last hook, if it belongs to the same savepoints: a rollback to one of
    them takes both or none. In a TestCase each hook may be run by itself.
    """
    if not connection.run_on_commit or not connection.in_atomic_block:
        return None
    if any(block._from_testcase for block in connection.atomic_blocks):
        return None
    savepoints, hook, _robust = connection.run_on_commit[-1]
    is_joinable = (
        isinstance(hook, _Push)
        and hook.config is config
        and savepoints == set(connection.savepoint_ids)
    )
    return hook if is_joinable else None


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
        push(config, rows, durable=True)
    except BrokerError as error:
        # The caller's work is committed and the rows are there: nothing is lost, and
        # nothing that a web request could do about it.
        _log_left(rows, error)


def _log_left(rows: Sequence[NewResult], reason: object) -> None:
    logger.error(
        "Not pushed yet: %d of %s, from %s. %s Each row stays READY.",
        len(rows),
        ", ".join(sorted({row.task_path for row in rows})),
        rows[0].id,
        reason,
    )


def push(config: Config, rows: Sequence[NewResult], *, durable: bool) -> None:
    """
    Push the messages about rows that are in the database, or not yet.

    Blocks. Raise BrokerError if the broker cannot be reached, or refuses them.
    """
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
                # What cannot be run is refused by whoever gets it.
                body=b"" if row.oddity else seal(row.to_message(), key),
                returned=Returned(
                    holder=row.worker_ids[-1] if row.worker_ids else "",
                    died=row.status == Status.RUNNING or _has_died(row),
                ),
            )
            for row in rows
        ]
    )


def _has_died(row: TaskResult) -> bool:
    """Whether the process that ran the last attempt has died with it."""
    last = row.errors[-1] if row.errors else {}
    is_last = last.get("attempt") == row.attempts and not last.get("before_retry")
    return is_last and is_death(last)
