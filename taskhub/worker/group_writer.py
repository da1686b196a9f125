"""
The group writer: a thread that commits what has ended in groups.

A group is whatever has come together while the last one was being written: under load
groups grow by themselves, and a single outcome never waits for company. Acknowledged is
after the commit: the other way round, a crash between the two would lose the outcome.

Nothing is dropped. While the database is away, groups wait here, and the process stops
taking more when too many do; while the broker is away, acknowledgements wait. A group
that is refused is halved until the one outcome that cannot be stored stands alone; that
one is written as failed, with the reason.
"""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from django.db import connections
from django.db.utils import InterfaceError, OperationalError

from taskhub import writer
from taskhub.backoff import Backoff
from taskhub.brokers.base import Broker
from taskhub.exceptions import BrokerError
from taskhub.execution import Ended, Run
from taskhub.execution.errors import describe_error
from taskhub.models import Status
from taskhub.writer import Attempt, Outcome, Progress

logger = logging.getLogger(__name__)

_LARGEST_GROUP = 200
#: With so many outcomes waiting to be written, no more tasks are run.
_MOST_WAITING = 5_000
#: How long a stop waits for a database or a broker that is away.
_STOP_SECONDS = 5.0
#: How often a flush looks whether there is still somebody to wait for.
_FLUSH_SECONDS = 1.0

#: What is handed in. An event is set when all before it is written.
Item = Ended | Attempt | Progress | Event


class GroupWriter:
    """Owns what has ended until it is written and acknowledged."""

    def __init__(
        self,
        broker: Broker,
        token: str,
        *,
        forget: Callable[[Collection[str]], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._broker = broker
        self._token = token
        self._forget = forget
        self._fail = fail
        self._incoming: SimpleQueue[Item | None] = SimpleQueue()
        self._unwritten: deque[Item] = deque()
        self._unacknowledged: list[Ended] = []
        self._group_size = _LARGEST_GROUP
        self._backoff = Backoff()
        self._broker_backoff = Backoff()
        self._give_up_at: float | None = None
        self._thread = Thread(target=self._run, name="group-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, ended: Ended) -> None:
        """Have an outcome written. Blocks while far too many wait already."""
        self._incoming.put(ended)
        while self._incoming.qsize() > _MOST_WAITING and self._thread.is_alive():
            time.sleep(0.05)

    def mark(self, run: Run) -> None:
        """Have a run marked as RUNNING."""
        self._incoming.put(run.attempt)

    def report(self, progress: Progress) -> None:
        """Have a task's progress written."""
        self._incoming.put(progress)

    def flush(self) -> None:
        """Block until all that was handed in before is written, or has to be left."""
        written = Event()
        self._incoming.put(written)
        while not written.wait(_FLUSH_SECONDS) and self._thread.is_alive():
            pass

    def stop(self) -> bool:
        """
        Write and acknowledge all there is, and end.

        Return whether all was: if not, the database or the broker stayed away for some
        seconds, and what is left is still held.
        """
        self._give_up_at = time.monotonic() + _STOP_SECONDS
        self._incoming.put(None)
        self._thread.join(_STOP_SECONDS * 2)
        return not (self._unwritten or self._unacknowledged)

    def _run(self) -> None:
        try:
            self._write_until_stopped()
        except Exception as error:
            self._fail(error)

    def _write_until_stopped(self) -> None:
        stopping = False
        while not (stopping and self._is_done()):
            stopping = self._collect() or stopping
            if self._unwritten:
                self._write_one_group()
            if self._unacknowledged:
                self._acknowledge()
        connections.close_all()

    def _is_done(self) -> bool:
        if not self._unwritten and not self._unacknowledged:
            return True
        return self._give_up_at is not None and time.monotonic() > self._give_up_at

    def _collect(self) -> bool:
        """
        Take in what has come; block only if there is nothing else to do.

        Return whether the end was among it.
        """
        blocking = not self._unwritten
        # Acknowledgements that failed are tried again even if nothing new comes.
        timeout = self._broker_backoff.pause if self._unacknowledged else None
        stopping = False
        while len(self._unwritten) < self._group_size:
            try:
                item = self._incoming.get(blocking, timeout)
            except Empty:
                break
            if item is None:
                stopping = True
                break
            self._unwritten.append(item)
            blocking = False
        return stopping

    def _write_one_group(self) -> None:
        group = [
            self._unwritten.popleft()
            for _ in range(min(self._group_size, len(self._unwritten)))
        ]
        try:
            self._write(group)
        except Exception as error:
            self._unwritten.extendleft(reversed(group))
            self._recover(error, len(group))
            return
        if self._backoff.succeed():
            logger.info("Outcomes are being written again.")
        self._group_size = min(self._group_size * 2, _LARGEST_GROUP)
        self._unacknowledged += [item for item in group if isinstance(item, Ended)]
        for item in group:
            if isinstance(item, Event):
                item.set()

    def _write(self, group: Sequence[Item]) -> None:
        ended = [item for item in group if isinstance(item, Ended)]
        over = {item.delivery.id for item in ended}
        latest = {item.id: item for item in group if isinstance(item, Progress)}
        refused = writer.write_group(
            outcomes=[item.outcome for item in ended if item.outcome],
            quarantined=[item.quarantined for item in ended if item.quarantined],
            running=[
                item
                for item in group
                if isinstance(item, Attempt) and str(item.message.id) not in over
            ],
            progress=latest.values(),
        )
        for item in ended:
            if item.quarantined:
                logger.error(
                    "Quarantined %s: %s", item.delivery.id, item.quarantined.reason
                )
        if refused:
            logger.warning(
                "Dropped %d outcomes that other attempts have overtaken.", refused
            )

    def _recover(self, error: Exception, size: int) -> None:
        """Decide how to go on after a group of so many was refused."""
        for connection in connections.all(initialized_only=True):
            connection.close()
        if isinstance(error, OperationalError | InterfaceError):
            self._backoff.fail()
            if self._backoff.is_first:
                logger.error("Cannot write outcomes now: %s Keeping them.", error)
            self._pause(self._backoff.pause)
        elif size == 1:
            self._replace(error)
        # Perhaps it is only one of them, or they are too much for one packet.
        self._group_size = max(1, size // 2)

    def _pause(self, seconds: float) -> None:
        if self._give_up_at is not None:
            seconds = min(seconds, max(0.0, self._give_up_at - time.monotonic()))
        time.sleep(seconds)

    def _replace(self, error: Exception) -> None:
        """Write the outcome that cannot be stored as a failure that can."""
        item = self._unwritten.popleft()
        logger.error("Cannot store %s", item, exc_info=error)
        if not isinstance(item, Ended) or item.outcome is None:
            # A mark or a progress: the outcome comes later, and tells more.
            return
        attempt = item.outcome.attempt
        if attempt.errors and attempt.errors[-1].get("storage"):
            # This was the replacement. The message stays held, so that it is seen.
            return
        now = datetime.now(UTC)
        entry: dict[str, Any] = describe_error(
            error, attempt=attempt.number, failed_at=now
        )
        attempt.errors = [entry | {"storage": True}]
        failure = Outcome(attempt=attempt, status=Status.FAILED, finished_at=now)
        self._unwritten.appendleft(Ended(item.delivery, failure))

    def _acknowledge(self) -> None:
        by_queue: dict[str, list[Ended]] = defaultdict(list)
        for ended in self._unacknowledged:
            by_queue[ended.delivery.queue_name].append(ended)
        self._unacknowledged = []
        for queue_name, group in by_queue.items():
            ids = [ended.delivery.id for ended in group]
            try:
                if not self._broker.lives_in_rows:
                    self._broker.acknowledge(queue_name, ids, token=self._token)
            except BrokerError as error:
                self._unacknowledged += group
                self._broker_backoff.fail()
                if self._broker_backoff.is_first:
                    logger.error("Cannot acknowledge messages now: %s", error)
            else:
                self._broker_backoff.succeed()
                self._forget(ids)
