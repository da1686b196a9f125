"""The consumer: the messages that a process has reserved and not started."""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from threading import Event, Lock

from taskhub.brokers.base import Broker
from taskhub.db import forget_queries
from taskhub.exceptions import BrokerError, LeaseLost
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.messages import Delivery
from taskhub.worker.process.prefetch import Prefetch
from taskhub.worker.quiet import Quiet
from taskhub.writer.thread.holdings import Holdings

logger = logging.getLogger(__name__)

#: How often to ask the broker which messages it counts as held by this process.
_STRANGERS_SECONDS = 30.0
#: How often a quiet process checks whether it may resume.
_QUIET_SECONDS = 0.2
#: How often a draining process checks whether the others have finished.
_DRAIN_SECONDS = 0.05

# This clock runs while the machine is suspended, as the broker's clock does.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Consumer:
    """
    Reserves as many messages as can be started soon, and hands them out one by one.

    Slots call `take` from any thread. The watch calls `give_back` and `stop`.
    """

    def __init__(
        self,
        broker: Broker,
        queues: Sequence[str],
        token: str,
        prefetch: Prefetch,
        quiet: Quiet,
        holdings: Holdings,
        *,
        drain: bool,
    ) -> None:
        self._broker = broker
        self._quiet = quiet
        self._queues = queues
        self._token = token
        self._prefetch = prefetch
        self._drain = drain
        self._waiting: deque[Delivery] = deque()
        self._reserved_at = 0.0
        # Messages are held this long: the steward renews leases at least this often.
        self._fresh_seconds = broker.config.options.lease_seconds / 3
        self._reserving = Lock()
        self._stopping = Event()
        self._backoff = ReconnectBackoff()
        #: Whether it has stopped because the queues are drained.
        self.is_drained = False
        self._holdings = holdings
        self._strangers_at = time.monotonic() + _STRANGERS_SECONDS
        # Without this lock, a message could be given back a second time, as a stranger,
        # after it was reserved again and started.
        self._giving_back = Lock()

    def take(self) -> Delivery | None:
        """
        Block until there is a message to start; return None when the process is to end.

        Raise LeaseLost if the messages that this process held belong to others now.
        """
        while not self._stopping.is_set():
            if self._quiet.is_set:
                self._stopping.wait(_QUIET_SECONDS)
                continue
            if self._waiting and self._is_stale():
                self.give_back()
            try:
                return self._waiting.popleft()
            except IndexError:
                pass
            with self._reserving:
                if not self._waiting and not self._stopping.is_set():
                    self._refill()
        return None

    def _is_stale(self) -> bool:
        """Whether the process was frozen, so that others may have the messages."""
        return time.clock_gettime(_CLOCK) - self._reserved_at > self._fresh_seconds

    def _refill(self) -> None:
        try:
            self._give_back_strangers()
            begun_at = time.clock_gettime(_CLOCK)
            deliveries = self._broker.reserve(
                self._queues, limit=self._prefetch.count(), token=self._token
            )
            self._reserved_at = begun_at
            self._holdings.add(delivery.id for delivery in deliveries)
            self._waiting.extend(deliveries)
            if not deliveries:
                self._wait()
                forget_queries()
            if self._backoff.succeed():
                logger.info("The broker is back.")
        except LeaseLost:
            raise
        except BrokerError as error:
            self._look_for_strangers_soon()
            self._pause(error)

    def _wait(self) -> None:
        if not self._drain:
            self._broker.wait(self._queues, self._broker.idle_seconds)
        elif self._is_dry():
            self.is_drained = True
            self._stopping.set()
        else:
            self._broker.wait(self._queues, _DRAIN_SECONDS)

    def _is_dry(self) -> bool:
        """Whether no message can be taken, and no task runs that may enqueue more."""
        depths = self._broker.depths(self._queues)
        return not any(
            depth.held or (depth.ready and not depth.paused)
            for depth in depths.values()
        )

    def _look_for_strangers_soon(self) -> None:
        self._strangers_at = 0.0

    def _give_back_strangers(self) -> None:
        """
        Give back messages that the broker counts as held, and this process does not.

        Do so after a lost reply, and every 30 seconds: a request may reach the broker
        long after its connection was given up.
        """
        if time.monotonic() < self._strangers_at:
            return
        with self._giving_back:
            for queue_name in self._queues:
                with self._broker.damage.tolerated(queue_name, "held"):
                    held = self._broker.held(queue_name, self._token)
                    if strangers := self._holdings.strangers(held):
                        self._broker.release(queue_name, strangers, token=self._token)
        self._strangers_at = time.monotonic() + _STRANGERS_SECONDS

    def _pause(self, error: BrokerError) -> None:
        self._backoff.fail()
        if self._backoff.is_first:
            logger.error("%s Retrying until it is back.", error)
        self._stopping.wait(self._backoff.pause)

    def give_back(self, deliveries: Iterable[Delivery] | None = None) -> int:
        """
        Release messages that are reserved and not started: all, or these deliveries.

        Return how many were released. If the broker is away, the messages that it did
        not release are released as strangers before the next reserve.
        """
        if deliveries is None:
            deliveries = self._take_all()
        by_queue: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            by_queue[delivery.queue_name].append(delivery)
        with self._giving_back:
            return sum(
                self._release(queue_name, [delivery.id for delivery in queued])
                for queue_name, queued in by_queue.items()
            )

    def _release(self, queue_name: str, ids: Sequence[str]) -> int:
        # Before the release, since a slot may reserve them again right after it.
        self._holdings.remove(ids)
        try:
            self._broker.release(queue_name, ids, token=self._token)
        except BrokerError as error:
            logger.warning("Cannot give back %d messages: %s", len(ids), error)
            self._look_for_strangers_soon()
            return 0
        return len(ids)

    def _take_all(self) -> list[Delivery]:
        taken = []
        while self._waiting:
            try:
                taken.append(self._waiting.popleft())
            except IndexError:
                # A slot took the last one in between.
                break
        return taken

    @property
    def has_waiting(self) -> bool:
        """Whether any message is reserved and not started."""
        return bool(self._waiting)

    @property
    def is_stopping(self) -> bool:
        """Whether `take` returns no more messages."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Reserve no more, and wake a waiting slot. May be called again."""
        self._stopping.set()
        try:
            self._broker.interrupt()
        except BrokerError as error:
            # The wait has a timeout.
            logger.debug("Cannot interrupt the wait: %s", error)
