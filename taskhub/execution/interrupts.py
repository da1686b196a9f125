"""
Interrupts: exceptions that are raised in a running task from outside.

A task in the main thread is interrupted by a signal, which also ends a blocking system
call. A task in another thread is interrupted between two bytecode instructions, but not
during a system call or foreign code. An `async def` task is cancelled.
"""

import asyncio
import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from taskhub.exceptions import TaskCancelled
from taskhub.execution.isolation.sessions import cancel_statements

#: Interrupts the main thread. The signal's handler raises the reason.
SIGNAL = signal.SIGUSR2


class Interrupt:
    """
    Interrupts one run, at most once, and never outside of the task's function.

    A context manager around a sync task; see `around_async` for `async def` tasks.
    """

    __slots__ = (
        "_is_inside",
        "_is_pending",
        "_lock",
        "_loop",
        "_outer",
        "_task",
        "_thread",
        "is_cancelled",
        "reason",
    )

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_inside = False
        #: Whether the reason is still to be raised in the main thread.
        self._is_pending = False
        self._thread = 0
        #: The interrupt of the run within which this one was started.
        self._outer: Interrupt | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        #: Whether the run was cancelled. Sync tasks have to check it themselves.
        self.is_cancelled = False
        #: The exception that was raised in the task, if any.
        self.reason: BaseException | None = None

    def __enter__(self) -> None:
        """Allow interrupts of a sync task within this block."""
        global _in_main_thread
        self._thread = threading.get_ident()
        if self._thread == _MAIN_THREAD:
            self._outer, _in_main_thread = _in_main_thread, self
        self._is_inside = True

    def __exit__(self, *reason: object) -> None:
        global _in_main_thread
        if self._thread == _MAIN_THREAD:
            _in_main_thread = self._outer
        with self._lock:
            self._is_inside = False
        if self.reason is not None and self._thread != _MAIN_THREAD:
            _clear(self._thread)

    @contextmanager
    def around_async(self) -> Iterator[None]:
        """Allow interrupts of the current asyncio task within this block."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._is_inside = True
        try:
            yield
        finally:
            self._is_inside = False

    def send(self, reason: BaseException) -> bool:
        """Raise `reason` in the task. Return False if the task is not interrupted."""
        with self._lock:
            if not self._is_inside or self.reason is not None:
                return False
            self.reason = reason
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._cancel_on_loop)
            elif self._thread == _MAIN_THREAD:
                self._is_pending = True
                signal.pthread_kill(self._thread, SIGNAL)
            else:
                _raise_in(self._thread, type(reason))
            return True

    def _cancel_on_loop(self) -> None:
        # The task may have left the block since the interrupt was sent.
        if self._is_inside and self._task is not None:
            self._task.cancel()

    def cancel(self) -> None:
        """Tell the task that it was cancelled; interrupt it if it is async."""
        self.is_cancelled = True
        if self._loop is not None:
            self.send(TaskCancelled("It was cancelled."))

    def explain(self, error: BaseException) -> BaseException:
        """Return the reason if it has caused the task's error, or else the error."""
        if self.reason is None or (
            isinstance(error, Exception) and not isinstance(error, type(self.reason))
        ):
            return error
        return self.reason.with_traceback(error.__traceback__)


#: The interrupt of the sync task that runs in the main thread, if any.
_in_main_thread: Interrupt | None = None
# A child's main thread has the same ident as its parent's.
_MAIN_THREAD = threading.main_thread().ident


def hear_interrupts() -> None:
    """Install the signal handler of interrupts. To be called in the main thread."""
    signal.signal(SIGNAL, _raise_reason)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """
    Hold back interrupts of the task in the main thread until the end of this block.

    For inner runs: an interrupt of the outer task must not end them, or the writing of
    their outcomes. Interrupts of the inner runs themselves are not held back.

    Raise the reason at the end if one was sent meanwhile, also if the block raises:
    the outer task may catch that, and would go on without its limit.
    """
    global _in_main_thread
    if threading.get_ident() != _MAIN_THREAD:
        yield
        return
    held, _in_main_thread = _in_main_thread, None
    try:
        yield
    finally:
        _in_main_thread = held
        if reason := _take_pending():
            raise reason


def _raise_reason(number: int, frame: object) -> None:
    if reason := _take_pending():
        cancel_statements()
        raise reason


def _take_pending() -> BaseException | None:
    # The main thread, which sets `_in_main_thread`, waits while its handler runs.
    run = _in_main_thread
    if run is None or not run._is_pending:
        return None
    run._is_pending = False
    return run.reason


def _raise_in(thread: int, kind: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(kind)
    )


def _clear(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)
