"""The run monitor: what the watch does at each look while a process works."""

from collections.abc import Callable
from time import monotonic

from taskhub.brokers.base import Broker
from taskhub.execution import Run
from taskhub.worker.process.consumer import Consumer
from taskhub.worker.process.limits import TimeLimits
from taskhub.worker.process.prefetch import MOMENT_SECONDS
from taskhub.worker.process.running import Running
from taskhub.worker.quiet import Quiet
from taskhub.writer.thread.group_writer import GroupWriter

#: The pause between looks at an idle process. It delays the mark of a new run.
_IDLE_PAUSE_SECONDS = 0.3
#: How often to check whether runs were cancelled. Shorter runs are not checked.
_CANCELLED_SECONDS = 1.0
#: How often to write what tasks have logged.
_LOGS_SECONDS = 1.0
#: How often to write the metrics.
_NUMBERS_SECONDS = 5.0
#: How often the broker may close what it needs only for waiting.
_REST_SECONDS = 5.0


class RunMonitor:
    """
    Marks long runs, enforces limits, and has progress, logs and metrics written.

    For the watch's thread. `give_up` is called with a run that is past its hard limit.
    """

    def __init__(
        self,
        broker: Broker,
        consumer: Consumer,
        running: Running,
        writer: GroupWriter,
        quiet: Quiet,
        give_up: Callable[[Run, BaseException, str], None],
    ) -> None:
        self._broker = broker
        self._consumer = consumer
        self._running = running
        self._writer = writer
        self._quiet = quiet
        self._time_limits = TimeLimits(running, give_up)
        self._cancelled_timer = _Timer(_CANCELLED_SECONDS)
        self._logs_timer = _Timer(_LOGS_SECONDS)
        self._numbers_timer = _Timer(_NUMBERS_SECONDS)
        self._rest_timer = _Timer(_REST_SECONDS)

    def pause(self) -> float:
        """Return the seconds until the next look: longer if the process is idle."""
        is_idle = not (self._running.has_any or self._consumer.is_stopping)
        return _IDLE_PAUSE_SECONDS if is_idle else MOMENT_SECONDS

    def look(self) -> None:
        for run in self._running.newly_long(MOMENT_SECONDS):
            self._writer.mark(run.attempt)
        self._write_reports()
        if self._rest_timer.is_due():
            self._broker.rest()
        self._time_limits.enforce()
        self._watch_cancellations()
        if self._consumer.has_waiting and self._running.has_long(MOMENT_SECONDS):
            self._consumer.give_back()
        if self._quiet.is_set:
            self._consumer.give_back()

    def _write_reports(self) -> None:
        self._writer.write_reports()
        if self._logs_timer.is_due():
            for run in self._running.all():
                if logged := run.log.take(run.attempt):
                    self._writer.log(logged)
        if self._numbers_timer.is_due():
            self._writer.write_numbers()

    def _watch_cancellations(self) -> None:
        if self._cancelled_timer.is_due() and (
            ids := self._running.lasting(_CANCELLED_SECONDS)
        ):
            self._writer.check_cancelled(ids)


class _Timer:
    """Is due at most once in `seconds`. For one thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due_at = 0.0

    def is_due(self) -> bool:
        now = monotonic()
        if now < self._due_at:
            return False
        self._due_at = now + self._seconds
        return True
