"""
A beat that kills itself at a chosen point of a tick: python -m tests.dying_beat POINT

At `before-commit`, all is written, and nothing committed. At `after-commit`, all is
committed, and nothing pushed.
"""

import os
import signal
import sys
from typing import Any


def die(*args: Any, **kwargs: Any) -> None:
    """End as by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Look once, and die of it."""
    import django

    django.setup()
    from taskhub import producer
    from taskhub.beat import ticker

    if sys.argv[1] == "before-commit":
        write = ticker._write
        ticker._write = lambda rows: die(write(rows))
    else:
        producer._push_or_leave = die
    ticker.Ticker().look()


if __name__ == "__main__":
    main()
