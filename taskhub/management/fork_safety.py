"""
Threads that the site has started in a process which is about to fork.

A fork copies the locks of all threads, and no thread but its own: what another one has
locked at that moment stays locked in the child, and a task that needs it hangs.
"""

import threading
from logging.handlers import QueueListener
from threading import Thread


def warn_of_threads() -> list[str]:
    """Return a sentence if such threads are there; they cannot be stopped from here."""
    names = sorted(each.name for each in threading.enumerate() if _is_foreign(each))
    if not names:
        return []
    return [
        f"Threads run already, before worker processes are forked: {', '.join(names)}. "
        "A lock that one holds then stays locked in these processes for ever. Start "
        "them in a receiver of taskhub.signals.process_started instead."
    ]


def _is_foreign(thread: Thread) -> bool:
    """Whether nobody sees to a thread; each child has listeners of logs of its own."""
    if thread is threading.main_thread():
        return False
    target = getattr(thread, "_target", None)
    return not isinstance(getattr(target, "__self__", None), QueueListener)
