"""
The messages between a supervisor and its children, through pipes.

All children write lines into one pipe up to the supervisor. The supervisor writes bytes
into a pipe down to each child, and lines into one more pipe to the steward.
"""

import os
from collections.abc import Iterator
from contextlib import suppress

#: From a worker process: it takes no more messages, and is to be replaced.
LEAVES = "leaves"
#: From a worker process: a run with a hard limit begins or ends. The id of its message
#: follows, and after BEGINS the limit in seconds.
BEGINS = "begins"
ENDS = "ends"
#: From the steward: what an operator has requested. RESIZE has the number of processes.
RESIZE = "resize"
QUIET = "quiet"
RESUME = "resume"
STOP = "stop"
#: From the steward: a worker process does not end a run that was cancelled by force.
#: The token of the process follows.
KILL = "kill"

#: To the steward: a worker process was started, or has died. Its token and pid follow.
LIVES = "+"
DIED = "-"

#: To a worker process: end gracefully, or now.
STOP_BYTE = b"s"
AT_ONCE_BYTE = b"q"


class Upwards:
    """A child's end of the pipe. Lines are short enough to be written atomically."""

    def __init__(self, pipe: int, token: str) -> None:
        self._pipe = pipe
        self._token = token

    def tell(self, word: str, *rest: object) -> None:
        """Write a line; it is lost if the supervisor was killed."""
        line = " ".join([word, self._token, *map(str, rest)])
        # Without a supervisor, running tasks are finished all the same.
        with suppress(BrokenPipeError):
            os.write(self._pipe, f"{line}\n".encode())


def read_words(received: bytes) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the word, the token and the rest of each line."""
    for line in received.decode().splitlines():
        word, token, *rest = line.split()
        yield word, token, rest


def read_available(pipe: int) -> bytes:
    """Return what can be read from a pipe without blocking, which may be nothing."""
    os.set_blocking(pipe, False)
    try:
        return os.read(pipe, 65_536)
    except BlockingIOError:
        return b""
