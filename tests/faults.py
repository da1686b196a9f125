"""
Faults that the environment installs in processes: FAULTS=name,name

Each fault makes a process kill itself, as `kill -9` would, at one exact point: between
two steps that belong together.
"""

import os
import signal
from collections.abc import Callable
from typing import Any


def die(*args: Any, **kwargs: Any) -> None:
    """Kill this process, as `kill -9` would."""
    os.kill(os.getpid(), signal.SIGKILL)


def beat_before_commit() -> None:
    """Die after a beat has written a tick and before it commits."""
    from taskhub.beat import batch

    write = batch._write
    batch._write = lambda rows: die(write(rows))


def before_push() -> None:
    """Die after enqueued rows are committed and before their messages are pushed."""
    from taskhub import outbox

    outbox._push_or_leave = die


def before_settling() -> None:
    """Die after a worker process has committed outcomes and before it acknowledges."""
    from taskhub.writer.thread.acknowledger import Acknowledger

    Acknowledger._settle = die


def before_writing() -> None:
    """Die before a worker process commits the outcomes that it has collected."""
    from taskhub.writer.thread.group_writer import GroupWriter

    GroupWriter._write = die


def before_body() -> None:
    """Die before a worker process calls a task."""
    from taskhub.execution import Executor

    Executor._call = die


def before_outcome() -> None:
    """Die after an atomic task has done its work and before its outcome is written."""
    from taskhub.execution import executor

    executor._write_or_undo = die


def before_commit() -> None:
    """Die after an atomic task's outcome is written and before it is committed."""
    from taskhub.execution import executor

    write = executor._write_or_undo
    executor._write_or_undo = lambda *parts: die(write(*parts))


FAULTS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        beat_before_commit,
        before_push,
        before_body,
        before_outcome,
        before_commit,
        before_writing,
        before_settling,
    )
}


def install() -> None:
    """Install the faults that the environment names."""
    for name in filter(None, os.environ.get("FAULTS", "").split(",")):
        FAULTS[name]()
