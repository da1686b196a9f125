"""
What a supervisor and its children tell each other, through pipes.

Upwards, through one pipe for all, a line each. Downwards, through a pipe of the child's
own, a byte each.
"""

import os
from collections.abc import Iterator
from contextlib import suppress

#: It takes nothing more and only finishes what it runs: another is to take its place.
LEAVES = "leaves"
#: It begins a run, by its id, that has a hard limit in seconds; it ends it.
BEGINS = "begins"
ENDS = "ends"
#: Of the steward: somebody has asked the node for so many processes, to take nothing
#: new, to do so again, to end.
RESIZE = "resize"
QUIET = "quiet"
RESUME = "resume"
STOP = "stop"
#: Of the steward: a process, by its token, does not end what was cancelled by force.
KILL = "kill"

#: To the steward: a worker process was started, or has died.
LIVES = "+"
DIED = "-"

#: Downwards: end gracefully, or now.
STOP_BYTE = b"s"
AT_ONCE_BYTE = b"q"


class Upwards:
    """A child's end of the pipe. Lines are short enough not to be mixed up."""

    def __init__(self, pipe: int, token: str) -> None:
        self._pipe = pipe
        self._token = token

    def tell(self, word: str, *rest: object) -> None:
        """Tell a word about this process; in vain if the supervisor was killed."""
        line = " ".join([word, self._token, *map(str, rest)])
        # What is being run is to be finished all the same.
        with suppress(BrokenPipeError):
            os.write(self._pipe, f"{line}\n".encode())


def read_words(received: bytes) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each word, the token that it is about, and what comes after."""
    for line in received.decode().splitlines():
        word, token, *rest = line.split()
        yield word, token, rest


def read_available(pipe: int) -> bytes:
    """Return what a pipe has to be read; nothing is fine."""
    os.set_blocking(pipe, False)
    try:
        return os.read(pipe, 65_536)
    except BlockingIOError:
        return b""
