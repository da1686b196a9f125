"""
The test suite's settings, in a process whose first child is told to end as it is born.

As by a Ctrl-C while a node starts, which the terminal sends to each of its processes.
"""

import os
import signal

from tests.settings import *  # noqa: F403

_children = iter([os.getpid()])


def _end_first_child() -> None:
    if next(_children, None) is not None:
        os.kill(os.getpid(), signal.SIGTERM)


# What the child takes off its copy, the parent has to take off its own.
os.register_at_fork(
    after_in_child=_end_first_child, after_in_parent=lambda: next(_children, None)
)
