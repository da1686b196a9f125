"""
The test suite's settings, which send SIGTERM to the first child at its fork.

A Ctrl-C during the start of a node does the same: the terminal signals each process.
"""

import os
import signal

from tests.settings import *  # noqa: F403

_children = iter([os.getpid()])


def _end_first_child() -> None:
    if next(_children, None) is not None:
        os.kill(os.getpid(), signal.SIGTERM)


# Parent and child have separate copies of the iterator, so both consume the item.
os.register_at_fork(
    after_in_child=_end_first_child, after_in_parent=lambda: next(_children, None)
)
