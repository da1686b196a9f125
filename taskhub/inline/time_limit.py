"""
The `timeout` of inline runs.

Worker processes have a thread that watches all runs. For an inline run, a timer is
started only if its task has a `timeout`. A `hard_timeout` cannot hold: it would end the
caller's process.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from taskhub.exceptions import TaskTimeout
from taskhub.execution import Run
from taskhub.execution.interrupts import SIGNAL, hear_interrupts


@contextmanager
def time_limit(run: Run) -> Iterator[None]:
    """Raise TaskTimeout in the task of a run that lasts for longer than its timeout."""
    seconds = run.task.timeout
    if seconds is None:
        yield
        return
    error = TaskTimeout(f"It ran past its timeout of {seconds:g} s.")
    timer = threading.Timer(seconds, run.interrupt.send, [error])
    timer.daemon = True
    former = _hear()
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if former is not None:
            signal.signal(SIGNAL, former)


def _hear() -> Any:
    """Install the handler of interrupts in the main thread; return the former one."""
    if threading.current_thread() is not threading.main_thread():
        return None
    former = signal.getsignal(SIGNAL)
    hear_interrupts()
    return former
