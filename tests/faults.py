"""
Faults that processes have in them when the environment says so: FAULTS=name,name

Each makes a process kill itself at one exact point, as kill -9 would: where two things
have to happen together, and only the first of them has.
"""

import os
import signal
from collections.abc import Callable
from typing import Any


def die(*args: Any, **kwargs: Any) -> None:
    """End as by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def beat_before_commit() -> None:
    """A beat has written a tick, and not committed it."""
    from taskhub.beat import batch

    write = batch._write
    batch._write = lambda rows: die(write(rows))


def before_push() -> None:
    """What was enqueued is committed, and not pushed."""
    from taskhub import outbox

    outbox._push_or_leave = die


def before_settling() -> None:
    """A worker has committed outcomes, and not told the broker."""
    from taskhub.writer.thread.acknowledger import Acknowledger

    Acknowledger._settle = die


def before_writing() -> None:
    """A worker has outcomes, and has not committed them."""
    from taskhub.writer.thread.group_writer import GroupWriter

    GroupWriter._write = die


def before_body() -> None:
    """A worker is about to call a task."""
    from taskhub.execution import Executor

    Executor._call = die


def before_outcome() -> None:
    """An atomic task has done its work, and its outcome is not written."""
    from taskhub.execution import executor

    executor._write_or_undo = die


def before_commit() -> None:
    """An atomic task's work and outcome are written, and not committed."""
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
    """Give this process the faults that its environment names."""
    for name in filter(None, os.environ.get("FAULTS", "").split(",")):
        FAULTS[name]()
