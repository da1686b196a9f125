"""
The group writer: a thread of each worker process that commits outcomes in groups.

A group is everything that was handed in while the last group was being written. Under
load groups grow by themselves, and a single outcome never waits for others. Messages
are acknowledged after the commit: the other way round, a crash between the two would
lose the outcome.

No outcome is dropped while the database or the broker is away; if too many wait, the
process takes no more messages. A group that the database refuses is halved until only
the outcome that cannot be stored is left. That one is written as failed.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from uuid import UUID

from django.db.utils import Error as DatabaseFault

from taskhub.brokers.base import Broker
from taskhub.db import discard_all, forget_queries
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.writer.attempts import Attempt, Logged, Progress
from taskhub.writer.ended import Ended
from taskhub.writer.given_back import GivenBack
from taskhub.writer.interventions import read_cancelled
from taskhub.writer.outages import is_about_server, probe
from taskhub.writer.tally import Tally
from taskhub.writer.thread.acknowledger import Acknowledger
from taskhub.writer.thread.group import write_items
from taskhub.writer.thread.holdings import Holdings
from taskhub.writer.thread.items import CancellationCheck, Item, Numbers
from taskhub.writer.thread.refused_bytes import RefusedBytes, refused_bytes
from taskhub.writer.thread.replacement import replacement_of
from taskhub.writer.transient import may_be_transient

logger = logging.getLogger(__name__)

_MAX_GROUP_SIZE = 200
#: When more items wait to be written, no more tasks are run.
_MAX_WAITING_ITEMS = 5_000
#: A group is closed when it has this many bytes to be quarantined.
_MAX_GROUP_BYTES = 8 * 1024 * 1024
#: How many refusals in a row it takes until a single item may be the reason for them.
_MIN_REFUSALS = 5
#: How long a stop waits for a database or a broker that is away.
_STOP_SECONDS = 5.0
#: How often a flush checks whether the thread still lives.
_FLUSH_SECONDS = 1.0


class GroupWriter:
    """Owns ended deliveries until they are written and acknowledged."""

    def __init__(
        self,
        broker: Broker,
        token: str,
        tally: Tally,
        *,
        holdings: Holdings,
        cancelled: Callable[[Mapping[UUID, bool]], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._broker = broker
        self._tally = tally
        self._acknowledger = Acknowledger(broker, token, holdings)
        self._cancelled = cancelled
        self._fail = fail
        self._incoming: SimpleQueue[Item | None] = SimpleQueue()
        self._reporting = Lock()
        self._reports: dict[UUID, Progress] = {}
        self._unwritten: deque[Item] = deque()
        self._refused = RefusedBytes()
        self._group_size = _MAX_GROUP_SIZE
        self._backoff = ReconnectBackoff()
        self._is_stuck = False
        #: Whether the database accepted another write after it refused an item.
        self._accepts_others = False
        self._give_up_at: float | None = None
        self._thread = Thread(target=self._run, name="group-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be written that no more tasks should be run."""
        return self._incoming.qsize() > _MAX_WAITING_ITEMS or self._refused.are_many

    @property
    def is_stuck(self) -> bool:
        """Whether the database accepts nothing now."""
        return self._is_stuck

    def put(self, ended: Ended) -> None:
        """Write the end of a delivery, after the last progress of its task."""
        if self._reports and ended.outcome is not None:
            with self._reporting:
                report = self._reports.pop(ended.outcome.attempt.message.id, None)
            if report is not None:
                self._incoming.put(report)
        self._refused.add(ended)
        self._incoming.put(ended)

    def mark(self, attempt: Attempt) -> None:
        self._incoming.put(attempt)

    def give_back(self, attempt: Attempt) -> None:
        self._incoming.put(GivenBack(attempt))

    def report(self, progress: Progress) -> None:
        """Keep a task's latest progress until `write_reports` is called."""
        with self._reporting:
            self._reports[progress.attempt.message.id] = progress

    def write_reports(self) -> None:
        with self._reporting:
            reports, self._reports = self._reports, {}
        for report in reports.values():
            self._incoming.put(report)

    def log(self, logged: Logged) -> None:
        self._incoming.put(logged)

    def write_numbers(self) -> None:
        """Write the counts of the tally."""
        if not self._tally.is_empty:
            self._incoming.put(Numbers())

    def check_cancelled(self, ids: list[UUID]) -> None:
        """Read which results were cancelled, and call `cancelled` with them."""
        self._incoming.put(CancellationCheck(ids))

    def flush(self) -> None:
        """Block until everything handed in before is written, or the thread ends."""
        written = Event()
        self._incoming.put(written)
        while not written.wait(_FLUSH_SECONDS) and self._thread.is_alive():
            pass

    def stop(self) -> bool:
        """
        Write and acknowledge everything, and end the thread.

        Return False if the database or the broker was away: messages are still held.
        """
        self._give_up_at = time.monotonic() + _STOP_SECONDS
        self._incoming.put(None)
        self._thread.join(_STOP_SECONDS * 2)
        return not self._unwritten and self._acknowledger.is_empty

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
            self._acknowledger.acknowledge()
            forget_queries()
            if stopping and not self._unwritten and not self._tally.is_empty:
                # Only now has the tally counted all outcomes: all of them are written.
                self._unwritten.append(Numbers(self._tally.take()))
        self._drop_numbers()
        discard_all()

    def _drop_numbers(self) -> None:
        others = [each for each in self._unwritten if not isinstance(each, Numbers)]
        if len(others) < len(self._unwritten) or not self._tally.is_empty:
            logger.warning("The metrics of the last seconds could not be written.")
        self._unwritten = deque(others)

    def _is_done(self) -> bool:
        is_written = not self._unwritten and self._tally.is_empty
        if is_written and self._acknowledger.is_empty:
            return True
        return self._give_up_at is not None and time.monotonic() > self._give_up_at

    def _collect(self) -> bool:
        """
        Take in what was handed in; block only if there is nothing else to do.

        Return whether the end mark of `stop` was among it.
        """
        blocking = not self._unwritten
        # Failed acknowledgements are retried even if nothing new comes.
        timeout = self._acknowledger.pause
        stopping = False
        while len(self._unwritten) < self._group_size:
            try:
                item = self._incoming.get(blocking, timeout)
            except Empty:
                break
            if item is None:
                stopping = True
                break
            if isinstance(item, Numbers):
                item = Numbers(self._tally.take())
            self._unwritten.append(item)
            blocking = False
        return stopping

    def _write_one_group(self) -> None:
        group = self._next_group()
        try:
            self._write(group)
        except Exception as error:
            self._unwritten.extendleft(reversed(group))
            self._recover(error, len(group))
            return
        self._accepts_others = False
        self._is_stuck = False
        if self._backoff.succeed():
            logger.info("Outcomes are being written again.")
        self._group_size = min(self._group_size * 2, _MAX_GROUP_SIZE)
        self._refused.remove(group)
        self._acknowledger.add(item for item in group if isinstance(item, Ended))
        for item in group:
            if isinstance(item, Event):
                item.set()

    def _next_group(self) -> list[Item]:
        group: list[Item] = []
        size = 0
        while (
            self._unwritten
            and len(group) < self._group_size
            and size < _MAX_GROUP_BYTES
        ):
            group.append(self._unwritten.popleft())
            size += refused_bytes(group[-1])
        return group

    def _write(self, group: Sequence[Item]) -> None:
        write_items(group, self._tally, in_rows=self._broker.lives_in_rows)
        checked = {
            pk
            for item in group
            if isinstance(item, CancellationCheck)
            for pk in item.ids
        }
        if checked and (cancelled := read_cancelled(checked)):
            self._cancelled(cancelled)

    def _recover(self, error: Exception, size: int) -> None:
        """Decide how to go on after a group of `size` items was refused."""
        discard_all()
        self._backoff.fail()
        # An error may be temporary: the database is away, full, read-only or not yet
        # migrated. Otherwise an item is the reason.
        if not may_be_transient(error) or (size == 1 and self._is_only_this_one(error)):
            if size == 1:
                self._accepts_others = False
                self._replace(error)
        else:
            if self._backoff.is_first:
                logger.error("Cannot write outcomes now: %s Retrying.", error)
            self._is_stuck = True
            self._pause(self._backoff.pause)
        # Perhaps one item is the reason, or the items are too large for one packet.
        self._group_size = max(1, size // 2)

    def _is_only_this_one(self, error: Exception) -> bool:
        """Whether the database often refused this item, and accepts other writes."""
        if self._backoff.failures < _MIN_REFUSALS or is_about_server(error):
            return False
        accepted_others_before = self._accepts_others
        try:
            probe()
        except DatabaseFault:
            discard_all()
            self._accepts_others = False
        else:
            self._accepts_others = True
        # Both before and after this refusal: the database may have come back between.
        return accepted_others_before and self._accepts_others

    def _pause(self, seconds: float) -> None:
        if self._give_up_at is not None:
            seconds = min(seconds, max(0.0, self._give_up_at - time.monotonic()))
        time.sleep(seconds)

    def _replace(self, error: Exception) -> None:
        item = self._unwritten.popleft()
        self._refused.remove([item])
        logger.error("Cannot store %r.", item, exc_info=error)
        # Drop other items. After a mark or progress, the outcome follows.
        if isinstance(item, Ended):
            replacement = replacement_of(item, error)
            self._refused.add(replacement)
            self._unwritten.appendleft(replacement)
