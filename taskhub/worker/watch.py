"""The watch: a thread that looks at what a process runs, and hears its signals."""

import os
import signal
from collections.abc import Callable
from threading import Thread

from taskhub.readiness import wait_readable


class Watch:
    """
    Calls `look` every `pause()` seconds, `stop` once when told to end, and `die` when
    at once.

    Told by TERM, or by the end of `lifeline`: a pipe whose other end only the
    supervisor has, so that it reads as ended when the supervisor is gone. QUIT is at
    once. Signals come through Python's wakeup descriptor, so that they are heard while
    a task keeps the main thread busy; all other threads may hold locks meanwhile.
    """

    def __init__(
        self,
        lifeline: int,
        *,
        pause: Callable[[], float],
        look: Callable[[], None],
        stop: Callable[[], None],
        die: Callable[[], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._lifeline = lifeline
        self._pause = pause
        self._look = look
        self._stop = stop
        self._die = die
        self._fail = fail
        self._signals, signalled = os.pipe()
        os.set_blocking(signalled, False)
        _hear_signals(signalled)
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
        heard = [self._lifeline, self._signals]
        while True:
            readable = wait_readable(heard, self._pause())
            if self._lifeline in readable:
                heard.remove(self._lifeline)
                self._stop()
            if self._signals in readable:
                received = os.read(self._signals, 1024)
                if signal.SIGQUIT in received:
                    self._die()
                if signal.SIGTERM in received:
                    self._stop()
            self._look()


def _hear_signals(descriptor: int) -> None:
    # INT reaches the whole foreground group from a terminal; the supervisor translates
    # it. A handler that does nothing, since SIG_IGN would be inherited by programs
    # that tasks start.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    # A process that a task forks must not pass its own signals on to this one.
    os.register_at_fork(after_in_child=_stop_hearing)


def _stop_hearing() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
