"""The output of tasks: written line by line, and not lost when their process ends."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO


def print_promptly() -> None:
    """
    Write each printed line at once, in this process from now on.

    By default Python buffers some kilobytes unless standard output is a terminal.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def flush_output() -> None:
    """Write all buffered output. To be called before os._exit(), which writes none."""
    for stream in _streams():
        # The stream was closed, or its reader has gone.
        with suppress(OSError, ValueError):
            stream.flush()


def _streams() -> Iterator[TextIO]:
    # A task may have replaced the standard streams.
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            yield stream
