"""
The outbox: committed rows are pushed to the broker.

If `OPTIONS["run"]` is "immediately", they are run in this process instead.

While the broker is away, only the first caller waits for it. After a failure, the next
callers skip their pushes for two seconds, and the sweep pushes their rows later.
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections, transaction
from django.utils.module_loading import import_string

from taskhub.brokers import get_broker
from taskhub.brokers.base import Broker
from taskhub.compat.private_apis import last_commit_hook, on_commit_in_tests_too
from taskhub.conf import Config
from taskhub.exceptions import BrokerError, BrokerUnavailable
from taskhub.foundation.breaker import Breaker
from taskhub.foundation.clock import utc_now
from taskhub.messages import Envelope, Returned, seal
from taskhub.models import Status, TaskResult
from taskhub.models.base import results_database
from taskhub.models.results.slices import NewResult
from taskhub.retries import is_death

logger = logging.getLogger(__name__)

#: How long pushes are skipped after a failure: each push would block until a timeout.
_REST_SECONDS = 2.0

_breakers: WeakKeyDictionary[Broker, Breaker] = WeakKeyDictionary()


class _Push:
    """A hook for on_commit that pushes rows. Rows may be added until the commit."""

    def __init__(self, config: Config, rows: Sequence[NewResult]) -> None:
        self.config = config
        self.rows = list(rows)

    def __call__(self) -> None:
        _push_or_leave(self.config, self.rows)


def push_on_commit(config: Config, rows: Sequence[NewResult], alias: str) -> None:
    """
    Push rows after the commit of the current transaction on the database `alias`.

    Push them at once if there is no transaction. Log rows that cannot be pushed, and
    leave them to the sweep. Consecutive calls in a transaction make one push.
    """
    if (earlier := _joinable(config, connections[alias])) is not None:
        earlier.rows += rows
    else:
        transaction.on_commit(_Push(config, rows), using=alias)


def run_on_commit(
    config: Config,
    rows: Sequence[NewResult | TaskResult],
    alias: str,
    *,
    durable: bool,
) -> None:
    """
    Run due rows in this process, after the commit of the transaction on `alias`.

    Run them at once if there is no transaction, or only that of a `TestCase`. In a
    `TestCase`, the end of the outermost block of the code under test is the commit.
    """
    # By its path: it is in a higher layer, and few sites use it.
    run_now = import_string("taskhub.inline.immediate.run_now")
    hook = partial(run_now, config, list(rows), durable=durable)
    on_commit_in_tests_too(connections[alias], hook)


def is_for_later(row: NewResult | TaskResult) -> bool:
    """Whether a row is not due yet, by this process's clock."""
    return row.run_after is not None and row.run_after > utc_now()


def _joinable(config: Config, connection: Any) -> _Push | None:
    """
    Return the hook that new rows can join, or None.

    They can join the last hook if a rollback drops either both or none of them.
    """
    hook = last_commit_hook(connection)
    return hook if isinstance(hook, _Push) and hook.config is config else None


def _push_or_leave(config: Config, rows: Sequence[NewResult]) -> None:
    breaker = _breaker(config)
    if not breaker.allows():
        if breaker.skip():
            _log_left(
                rows,
                "The broker was away a moment ago; pushes are skipped for "
                f"{_REST_SECONDS:g} s.",
            )
        return
    try:
        push(config, rows, durable=True)
    except BrokerError as error:
        # The rows are committed: nothing is lost, and the caller cannot do anything.
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
    Push the messages of rows, which need not be in the database yet.

    Block. Raise BrokerError if the broker cannot be reached or refuses them.
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
    Push the messages of rows that the broker has lost or never had.

    The rows may have been started, so workers read the row before they run such a
    message. Raise BrokerError if the broker cannot be reached or refuses them.
    """
    if config.options.run == "immediately":
        due = [row for row in rows if not is_for_later(row)]
        run_on_commit(config, due, results_database(), durable=True)
        return
    key = config.signing_keys[0]
    get_broker(config).push(
        [
            Envelope(
                id=row.id,
                queue_name=row.queue_name,
                priority=row.priority,
                run_after=row.run_after,
                # A row with an oddity cannot be run. The worker refuses an empty body.
                body=b"" if row.oddity else seal(row.to_message(), key),
                returned=returned_of(row),
            )
            for row in rows
        ]
    )


def returned_of(row: TaskResult) -> Returned:
    """Return how the message of a row that may have been started has come back."""
    return Returned(
        holder=row.worker_ids[-1] if row.worker_ids else "",
        died=row.status == Status.RUNNING or _has_died(row),
    )


def _has_died(row: TaskResult) -> bool:
    """Whether the process that ran the last attempt has died."""
    last = row.errors[-1] if row.errors else {}
    is_last = last.get("attempt") == row.attempts and not last.get("before_retry")
    return is_last and is_death(last)
