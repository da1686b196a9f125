"""
What belongs to a worker process, and not to the tasks that it runs.

Invariant: when a sync task has ended, the process handles signals as it did before. Its
handlers, its wakeup descriptor, the mask of its thread and its timers are what they
were, whatever the task did: `asyncio.run()` with `add_signal_handler()`,
`signal.signal()`, `signal.alarm()`.

To ask for a mask, a timer or a descriptor is a system call each, and most tasks touch
none. So after a brief task only the handlers are compared, and the rest is looked at
after the last task of a batch, which is some milliseconds later.
"""

# The functions that `signal` wraps: a tenth of the price, and the same values.
import _signal  # type: ignore[import-not-found]
import signal
import threading
from typing import Any

#: What tasks may take over, and a worker or Python itself depends on.
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
#: In less time than that, hardly any task has begun to use signals.
_BRIEF_SECONDS = 0.0005


class ProcessState:
    """Remembers how a process handles signals, and restores it between tasks."""

    def __init__(self, wakeup: int) -> None:
        self._wakeup = wakeup
        self._handlers = self._read_handlers()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def restore_after(self, seconds: float, *, is_last: bool) -> None:
        """
        Undo what a task of this thread did, which has run for `seconds`.

        `is_last` says that no other task waits behind it.
        """
        is_main = threading.current_thread() is threading.main_thread()
        # Only the main thread may change handlers.
        has_changed = is_main and self._read_handlers() != self._handlers
        if not (has_changed or is_last or seconds > _BRIEF_SECONDS):
            return
        # A timer must not fire into the handlers of this process, nor must a signal
        # that was blocked come before they are back.
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        if has_changed:
            self._restore_handlers()
        if is_main:
            signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        self._restore_mask()

    def _read_handlers(self) -> list[Any]:
        return list(map(_signal.getsignal, _NUMBERS))

    def _restore_handlers(self) -> None:
        for number, handler in zip(_NUMBERS, self._handlers, strict=True):
            # None is a handler that was not set from Python, and cannot be.
            if handler is not None:
                signal.signal(number, handler)

    def _restore_mask(self) -> None:
        if _signal.pthread_sigmask(signal.SIG_BLOCK, ()) == self._mask:
            return
        # What a timer has left is nobody's any more.
        while signal.sigpending() & _TIMER_SIGNALS:
            signal.sigwait(_TIMER_SIGNALS)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
