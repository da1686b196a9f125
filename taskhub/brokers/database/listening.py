"""
Notifications that wake idle workers of the database broker, and beats.

On PostgreSQL, a worker LISTENs on its own connection, and enqueueing NOTIFYs at the
commit. On other databases, or without the option `notify`, workers poll every
`poll_seconds`. If a pooler drops notifications, they look every MAX_WAIT_SECONDS.
"""

import os
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta
from threading import Lock
from time import monotonic
from typing import Any

from django.db import connections

from taskhub.brokers.base import BEAT, MAX_WAIT_SECONDS
from taskhub.db import discard
from taskhub.foundation.readiness import wait_readable

#: How long a busy process may leave notifications unread.
_UNREAD_SECONDS = 10.0


def can_notify(alias: str) -> bool:
    """Return whether the database supports notifications."""
    connection: Any = connections[alias]
    # psycopg2 cannot wait for notifications and a pipe at the same time.
    return bool(
        connection.vendor == "postgresql" and connection.Database.__name__ == "psycopg"
    )


def channel_of(queues: Collection[str]) -> str:
    """Return the channel of these queues."""
    # Beats have a channel of their own, so that enqueueing does not wake them.
    return "taskhub_beat" if BEAT in queues else "taskhub"


def notify(alias: str, channel: str) -> None:
    """Wake waiting threads now, or at the commit of the open transaction."""
    if can_notify(alias):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [channel])


class Listener:
    """What an idle worker waits on. One thread may wait, and any may interrupt."""

    def __init__(self, poll_seconds: float, *, listens: bool) -> None:
        self._poll_seconds = poll_seconds
        self._listens = listens
        self._interrupted, self._interrupting = os.pipe()
        os.set_blocking(self._interrupting, False)
        #: The connection that listens; None before the first wait, and after close().
        self._listening: Any = None
        #: Held while a thread waits.
        self._waiting = Lock()
        self._waited_at = 0.0

    def wait(
        self,
        alias: str,
        channel: str,
        timeout: float,
        due_in: Callable[[float], timedelta | None],
    ) -> None:
        """
        Block until a notification, an interrupt, a due time or the timeout.

        `due_in` returns how long until a message is due, if that is within the given
        seconds. Without notifications it is not used: block for up to `poll_seconds`.
        """
        with self._waiting:
            self._wait(alias, channel, timeout, due_in)
            self._waited_at = monotonic()

    def _wait(
        self,
        alias: str,
        channel: str,
        timeout: float,
        due_in: Callable[[float], timedelta | None],
    ) -> None:
        if not (self._listens and can_notify(alias)):
            self._sleep([], min(timeout, self._poll_seconds))
            return
        if self._listening is None:
            # Do not block yet: a message may have been enqueued before the LISTEN.
            self._listen(alias, channel)
            return
        seconds = min(timeout, MAX_WAIT_SECONDS)
        if (soonest := due_in(seconds)) is not None:
            seconds = min(seconds, soonest.total_seconds())
        try:
            with self._listening.wrap_database_errors:
                driver = self._listening.connection
                self._sleep([driver.fileno()], max(seconds, 0.01))
                for _notification in driver.notifies(timeout=0):
                    pass
        except Exception:
            # The next wait listens on a new connection.
            self.close()
            raise

    def _listen(self, alias: str, channel: str) -> None:
        connection: Any = connections.create_connection(alias)
        # Another thread may close the connection; see rest().
        connection.inc_thread_sharing()
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {channel}")
        self._listening = connection

    def _sleep(self, readable: list[int], seconds: float) -> None:
        ready = wait_readable([*readable, self._interrupted], seconds)
        if self._interrupted in ready:
            os.read(self._interrupted, 1024)

    def interrupt(self) -> None:
        """Make a wait in another thread return now."""
        with suppress(BlockingIOError):
            # If the pipe is full, the wait was interrupted already.
            os.write(self._interrupting, b"!")

    def rest(self) -> None:
        """
        Stop listening if no thread has waited for some time. Any thread may call this.

        PostgreSQL queues notifications until every listening session has read them.
        Transactions that notify fail when the queue is full.
        """
        if self._listening is None or not self._waiting.acquire(blocking=False):
            return
        try:
            if monotonic() - self._waited_at > _UNREAD_SECONDS:
                self.close()
        finally:
            self._waiting.release()

    def close(self) -> None:
        """Stop listening. A later wait listens again."""
        if self._listening is not None:
            listening, self._listening = self._listening, None
            discard(listening)
