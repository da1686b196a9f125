"""What tasks print: shown line by line, and not lost when their process ends."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO


def print_promptly() -> None:
    """
    Show each printed line at once, in this process from now on.

    Python would keep lines back until it has some kilobytes of them, unless standard
    output is a terminal.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def flush_output() -> None:
    """Write what was printed so far. To be called before os._exit(), which does not."""
    for stream in _streams():
        # It was closed, or its reader has gone: nobody is left to read it.
        with suppress(OSError, ValueError):
            stream.flush()


def _streams() -> Iterator[TextIO]:
    # A task may have put something else in the place of the standard streams.
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            yield stream
