"""
The watch: a thread that looks at the running tasks, and hears when to end.

Invariant: the supervisor's commands reach a worker process whatever its tasks do to
signals. So they come through the line, a pipe to this process whose other end only the
supervisor has:

    STOP_BYTE        end gracefully
    AT_ONCE_BYTE     end now
    end of file      the supervisor is gone; the same as STOP_BYTE

Signals are heard as well. TERM ends this process gracefully, and QUIT ends it now. INT
and HUP do nothing: a terminal sends them to the supervisor, too, which decides.
"""

import os
import signal
from collections.abc import Callable
from threading import Thread

from taskhub.foundation.readiness import wait_readable
from taskhub.worker.pipes import AT_ONCE_BYTE

_HANDLED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


class Watch:
    """
    Calls `look` every `pause()` seconds, `stop` to end gracefully, `die` to end now.

    Signals come through Python's wakeup descriptor, so that they are heard while a task
    keeps the main thread busy.
    """

    def __init__(
        self,
        line: int,
        *,
        pause: Callable[[], float],
        look: Callable[[], None],
        stop: Callable[[], None],
        die: Callable[[], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._line = line
        self._pause = pause
        self._look = look
        self._stop = stop
        self._die = die
        self._fail = fail
        self._signals, self.wakeup = os.pipe()
        os.set_blocking(self.wakeup, False)
        _hear_signals(self.wakeup)
        self._thread = Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:
            self._fail(error)

    def _watch(self) -> None:
        descriptors = [self._line, self._signals]
        while True:
            readable = wait_readable(descriptors, self._pause())
            if self._line in readable:
                commands = os.read(self._line, 1024)
                if not commands:
                    descriptors.remove(self._line)
                self._obey(AT_ONCE_BYTE in commands, True)
            if self._signals in readable:
                received = os.read(self._signals, 1024)
                self._obey(signal.SIGQUIT in received, signal.SIGTERM in received)
            self._look()

    def _obey(self, at_once: bool, stop: bool) -> None:
        if at_once:
            self._die()
        if stop:
            self._stop()


def _hear_signals(descriptor: int) -> None:
    # Not SIG_IGN, which the programs that tasks start would inherit.
    for number in _HANDLED_SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    # A process that a task forks must not send its own signals to this one.
    os.register_at_fork(after_in_child=_stop_hearing)


def _stop_hearing() -> None:
    signal.set_wakeup_fd(-1)
    for number in _HANDLED_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
