"""The beat's loop: look, rest, look again."""

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

#: It rests for this many times as long as it has computed: under load it looks less
#: often and fires more at a time, and takes no more than a third of a core.
_REST = 2.0


class Beat:
    """
    One beat; `run` blocks until it is stopped. There may be any number.

    It survives whatever the database does: it waits with growing pauses until that is
    back, and then does about what was missed as each row says.
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
        """Fire what is due, until stopped or no longer wanted."""
        while not self._stopping.is_set() and self._is_wanted():
            begun = time.thread_time()
            pause = self._look()
            self._rest(pause, computed=time.thread_time() - begun)
            forget_queries()
        discard_all()

    def stop(self) -> None:
        """Have `run` return within a second. From any thread, or a signal's handler."""
        self._stopping.set()
        self._broker.interrupt()

    def _look(self) -> float:
        try:
            pause = self._ticker.run_once()
        except DatabaseFault as error:
            discard_all()
            self._backoff.fail()
            if self._backoff.is_first:
                logger.error("Cannot look at schedules: %s Trying again.", error)
            return self._backoff.pause
        if self._backoff.succeed():
            logger.info("The database is back; schedules are looked at again.")
        return pause

    def _rest(self, pause: float, *, computed: float) -> None:
        # What has to be, has to be; what is left can be cut short by the alarm.
        least = min(computed * _REST, MAX_PAUSE_SECONDS)
        self._stopping.wait(least)
        if pause > least and not self._stopping.is_set():
            self._wait_for_alarm(pause - least)

    def _wait_for_alarm(self, seconds: float) -> None:
        try:
            self._broker.wait([BEAT], seconds)
        except BrokerError as error:
            # It needs the broker only to be woken early.
            self._broker_backoff.fail()
            if self._broker_backoff.is_first:
                logger.warning("Schedules are looked at every second: %s", error)
            self._stopping.wait(seconds)
        else:
            self._broker_backoff.succeed()
