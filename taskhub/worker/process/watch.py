"""
The watch: a thread that looks at what a process runs, and hears when it is to end.

Invariant: what the supervisor says reaches a worker process, whatever its tasks do to
signals. So it is said through the line, a pipe of this process alone whose other end
only the supervisor has:

    STOP        end gracefully
    AT_ONCE     end now
    its end     the supervisor is gone; the same as STOP

Signals are heard as well: TERM from somebody who wants this process alone to end, QUIT
for at once. INT and HUP reach all processes of a terminal, and TERM all of a service;
then the supervisor has heard them, too, and says what is to be done.
"""

import os
import signal
from collections.abc import Callable
from threading import Thread

from taskhub.foundation.readiness import wait_readable
from taskhub.worker.pipes import AT_ONCE_BYTE

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


class Watch:
    """
    Calls `look` every `pause()` seconds, `stop` when told to end, `die` when at once.

    Signals come through Python's wakeup descriptor, so that they are heard while a task
    keeps the main thread busy; all other threads may hold locks meanwhile.
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
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:
            self._fail(error)

    def _watch(self) -> None:
        heard = [self._line, self._signals]
        while True:
            readable = wait_readable(heard, self._pause())
            if self._line in readable:
                said = os.read(self._line, 1024)
                if not said:
                    heard.remove(self._line)
                self._heed(AT_ONCE_BYTE in said, True)
            if self._signals in readable:
                received = os.read(self._signals, 1024)
                self._heed(signal.SIGQUIT in received, signal.SIGTERM in received)
            self._look()

    def _heed(self, at_once: bool, stop: bool) -> None:
        if at_once:
            self._die()
        if stop:
            self._stop()


def _hear_signals(descriptor: int) -> None:
    # A handler that does nothing, since SIG_IGN would be inherited by programs that
    # tasks start.
    for number in _HEARD:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    # A process that a task forks must not pass its own signals on to this one.
    os.register_at_fork(after_in_child=_stop_hearing)


def _stop_hearing() -> None:
    signal.set_wakeup_fd(-1)
    for number in _HEARD:
        signal.signal(number, signal.SIG_DFL)
