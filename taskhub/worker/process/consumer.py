"""The consumer: what a process has reserved and not yet started."""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from threading import Event, Lock

from taskhub.brokers.base import MAX_WAIT_SECONDS, Broker
from taskhub.discarding import forget_queries
from taskhub.exceptions import BrokerError, LeaseLost
from taskhub.foundation.backoff import ReconnectBackoff
from taskhub.messages import Delivery
from taskhub.worker.process.prefetch import Prefetch
from taskhub.worker.quiet import Quiet
from taskhub.writer.thread.holdings import Holdings

logger = logging.getLogger(__name__)

#: How often it is asked what the broker believes to be held here.
_STRANGERS_SECONDS = 30.0
#: How often a quiet one looks whether it is to go on.
_QUIET_SECONDS = 0.2
#: How often a draining worker looks whether the others have finished.
_DRAIN_SECONDS = 0.05

# It goes on while a machine is suspended, as the broker's clock does.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Consumer:
    """
    Reserves as many messages as can be started soon, and hands them out one by one.

    Slots call `take`, from any thread; the watch has what waits given back, and stops
    everything.
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
        # Leases are renewed more often, so that none ends sooner than that.
        self._fresh_seconds = broker.config.options.lease_seconds / 3
        self._reserving = Lock()
        self._stopping = Event()
        self._backoff = ReconnectBackoff()
        #: Whether there was nothing left to drain.
        self.is_drained = False
        self._holdings = holdings
        self._strangers_at = time.monotonic() + _STRANGERS_SECONDS
        # What is just being given back must not be given back as a stranger, too: by
        # the second time it may have been reserved anew, and be under way.
        self._giving_back = Lock()

    def take(self) -> Delivery | None:
        """
        Block until there is something to start; None when it is time to end.

        Raise LeaseLost if what this process held belongs to others now.
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
        """Whether the process was frozen since, and others may have run what waits."""
        return time.clock_gettime(_CLOCK) - self._reserved_at > self._fresh_seconds

    def _refill(self) -> None:
        try:
            self._give_back_strangers()
            asked_at = time.clock_gettime(_CLOCK)
            deliveries = self._broker.reserve(
                self._queues, limit=self._prefetch.count(), token=self._token
            )
            self._reserved_at = asked_at
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
            self._broker.wait(self._queues, MAX_WAIT_SECONDS)
        elif self._is_dry():
            self.is_drained = True
            self._stopping.set()
        else:
            self._broker.wait(self._queues, _DRAIN_SECONDS)

    def _is_dry(self) -> bool:
        """Whether nothing can be taken, and nobody runs what might enqueue more."""
        depths = self._broker.depths(self._queues)
        return not any(
            depth.held or (depth.ready and not depth.paused)
            for depth in depths.values()
        )

    def _look_for_strangers_soon(self) -> None:
        self._strangers_at = 0.0

    def _give_back_strangers(self) -> None:
        """
        Give back what the broker says is held here, and nobody here knows of.

        After a lost reply, and every now and then: a request may reach the broker long
        after its connection was given up.
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
            logger.error("%s Trying again until it is back.", error)
        self._stopping.wait(self._backoff.pause)

    def give_back(self, deliveries: Iterable[Delivery] | None = None) -> int:
        """
        Release what is reserved and not started: all of it, or these deliveries.

        Return how many. If the broker is away, it may or may not have heard of it: what
        it has not given back by the next reserve is given back then.
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
        # Before, since a slot may reserve them anew as soon as they are released.
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
                # A slot was faster.
                break
        return taken

    @property
    def has_waiting(self) -> bool:
        """Whether something is reserved and not started."""
        return bool(self._waiting)

    @property
    def is_stopping(self) -> bool:
        """Whether `take` hands out nothing any more."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Reserve no more, and wake a slot that waits. May be called again."""
        self._stopping.set()
        try:
            self._broker.interrupt()
        except BrokerError as error:
            # The wait ends by itself.
            logger.debug("Cannot interrupt the wait: %s", error)
