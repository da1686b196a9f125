"""The beat's loop: process rows, wait, repeat."""

import logging
import time
from collections.abc import Callable

from django.db.utils import Error as DatabaseFault

from taskhub.beat.queries import MAX_PAUSE_SECONDS
from taskhub.beat.stop_flag import StopFlag
from taskhub.beat.ticker import Ticker
from taskhub.brokers import get_broker
from taskhub.brokers.base import BEAT
from taskhub.conf import Config
from taskhub.db import discard_all, forget_queries
from taskhub.exceptions import BrokerError
from taskhub.foundation.backoff import ReconnectBackoff

logger = logging.getLogger(__name__)

#: After each round, the beat rests for this many times the CPU time of the round. So
#: under load, it fires more rows at a time, and uses a third of a core at most.
_REST_FACTOR = 2.0


class Beat:
    """
    One beat; `run` blocks until the beat is stopped. There may be any number of beats.

    While the database is away, the beat retries with growing pauses. Afterwards it
    treats missed ticks as the policy of each row says.
    """

    def __init__(
        self, config: Config, *, is_wanted: Callable[[], bool] = lambda: True
    ) -> None:
        self._broker = get_broker(config)
        self._is_wanted = is_wanted
        self._ticker = Ticker()
        self._stopping = StopFlag()
        self._backoff = ReconnectBackoff()
        self._broker_backoff = ReconnectBackoff()

    def run(self) -> None:
        """Fire due rows until stopped or no longer wanted."""
        while not self._stopping.is_set() and self._is_wanted():
            cpu_seconds_before = time.thread_time()
            pause = self._run_once()
            self._rest(pause, cpu_seconds=time.thread_time() - cpu_seconds_before)
            forget_queries()
        discard_all()

    def stop(self) -> None:
        """
        Make `run` return within a second.

        May be called in any thread, and in signal handlers.
        """
        self._stopping.set()
        self._broker.interrupt()

    def _run_once(self) -> float:
        try:
            pause = self._ticker.run_once()
        except DatabaseFault as error:
            discard_all()
            self._backoff.fail()
            if self._backoff.is_first:
                logger.error("Cannot read schedules: %s Retrying.", error)
            return self._backoff.pause
        if self._backoff.succeed():
            logger.info("The database is back; schedules are read again.")
        return pause

    def _rest(self, pause: float, *, cpu_seconds: float) -> None:
        # A wake-up can end the wait only after the minimum rest.
        min_rest = min(cpu_seconds * _REST_FACTOR, MAX_PAUSE_SECONDS)
        self._stopping.wait(min_rest)
        if pause > min_rest and not self._stopping.is_set():
            self._wait_for_wakeup(pause - min_rest)

    def _wait_for_wakeup(self, seconds: float) -> None:
        try:
            self._broker.wait([BEAT], seconds)
        except BrokerError as error:
            # Without the broker, nothing wakes the beat early. It waits the whole time.
            self._broker_backoff.fail()
            if self._broker_backoff.is_first:
                logger.warning("Schedules are read every second: %s", error)
            self._stopping.wait(seconds)
        else:
            self._broker_backoff.succeed()
