"""
Limits on the time of a task, and on the tasks and memory of a process.

The supervisor kills a process that is stuck past a hard limit; see stuck_runs.py.
"""

import sys
import traceback
from collections.abc import Callable

from taskhub.exceptions import TaskTimeout
from taskhub.execution import Run
from taskhub.execution.memory import MEBIBYTE, resident_bytes
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.process.running import Running


class TimeLimits:
    """
    Interrupts runs past their timeout, and gives up runs past their hard timeout.

    The watch calls `enforce`, so that limits are exact to about 0.1 s. `give_up` is
    called with a run, an error, and the stack of the run's thread as text.
    """

    def __init__(
        self, running: Running, give_up: Callable[[Run, BaseException, str], None]
    ) -> None:
        self._running = running
        self._give_up = give_up

    def enforce(self) -> None:
        for seconds, run, thread in self._running.durations():
            soft, hard = run.task.timeout, run.task.hard_timeout
            if hard is not None and seconds > hard:
                error = TaskTimeout(f"It ran past its hard_timeout of {hard:g} s.")
                self._give_up(run, error, _stack_of(thread))
            elif soft is not None and seconds > soft:
                error = TaskTimeout(f"It ran past its timeout of {soft:g} s.")
                run.interrupt.send(error)


class ProcessLimits:
    """Says when a process is to be replaced after its task."""

    def __init__(self, node: NodeOptions) -> None:
        self._max_tasks = node.tasks_per_process
        self._max_bytes = (node.memory_per_process or 0) * MEBIBYTE
        self._tasks = 0

    def count(self) -> None:
        self._tasks += 1

    def reached(self) -> str | None:
        """Return a clause that says which limit is reached; None if none is."""
        if self._max_tasks and self._tasks >= self._max_tasks:
            return f"it has run {self._tasks} tasks"
        if self._max_bytes and (size := resident_bytes()) > self._max_bytes:
            return f"it has grown to {size // MEBIBYTE} MiB"
        return None


def _stack_of(thread: int) -> str:
    frame = sys._current_frames().get(thread)
    return "".join(traceback.format_stack(frame)) if frame else ""
