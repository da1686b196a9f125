"""Processes that tasks fork."""

import logging
import os
import sys
from types import TracebackType

logger = logging.getLogger(__name__)


class OnlyHere:
    """
    Ends a process that was forked within this block where it would leave the block.

    It would go on as a second worker: with the same token, on the same connections.
    """

    __slots__ = ("_pid",)

    def __enter__(self) -> None:
        self._pid = os.getpid()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if os.getpid() != self._pid:
            _end(error)


def _end(error: BaseException | None) -> None:
    code = 0
    if isinstance(error, SystemExit):
        # As Python itself does at the end of a script.
        code = error.code if isinstance(error.code, int) else int(bool(error.code))
    elif error is not None:
        code = 1
        logger.error("A process that a task has forked failed.", exc_info=error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
