"""
The signal handling of a worker process, restored after each task.

Invariant: when a sync task has ended, the process handles signals as before: the
handlers, the wakeup descriptor, the thread's mask and the timers are the same, even if
the task used `add_signal_handler()`, `signal.signal()` or `signal.alarm()`.

Reading a mask, a timer or a descriptor takes a system call, and most tasks change none.
So after a brief task only the handlers are compared. The rest is restored after the
last task of a batch, some milliseconds later.
"""

import signal
import threading
from typing import Any

from taskhub.compat.private_apis import raw_signal

#: Signals that tasks may handle, and a worker or Python depends on.
_NUMBERS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGCHLD,
    signal.SIGPIPE,
)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_TIMER_SIGNALS = {signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF}
#: Hardly any shorter task uses signals.
_BRIEF_SECONDS = 0.0005


class ProcessState:
    """Remembers how a process handles signals, and restores it between tasks."""

    def __init__(self, wakeup: int) -> None:
        self._wakeup = wakeup
        self._handlers = self._read_handlers()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def restore_after(self, seconds: float, *, is_last: bool) -> None:
        """
        Restore the state after a task of this thread that has run for `seconds`.

        `is_last` says that no other task of the batch follows.
        """
        is_main = threading.current_thread() is threading.main_thread()
        # Only the main thread may change handlers.
        has_changed = is_main and self._read_handlers() != self._handlers
        if not (has_changed or is_last or seconds > _BRIEF_SECONDS):
            return
        # Timers first, then handlers, then the mask: no signal of the task comes later.
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        if has_changed:
            self._restore_handlers()
        if is_main:
            signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        self._restore_mask()

    def _read_handlers(self) -> list[Any]:
        return list(map(raw_signal.getsignal, _NUMBERS))

    def _restore_handlers(self) -> None:
        for number, handler in zip(_NUMBERS, self._handlers, strict=True):
            # None means a handler that was not set by Python. It cannot be restored.
            if handler is not None:
                signal.signal(number, handler)

    def _restore_mask(self) -> None:
        if raw_signal.pthread_sigmask(signal.SIG_BLOCK, ()) == self._mask:
            return
        # Drop pending signals of the task's timers.
        while signal.sigpending() & _TIMER_SIGNALS:
            signal.sigwait(_TIMER_SIGNALS)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
