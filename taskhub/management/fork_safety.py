"""
Warn about threads that the site has started before worker processes are forked.

A fork copies all locks, but only the thread that forks. A lock that another thread
holds at that moment stays locked in the child, and a task that needs it hangs.
"""

import threading
from logging.handlers import QueueListener
from threading import Thread


def thread_warnings() -> list[str]:
    """Return a warning if there are threads whose locks a fork would copy."""
    names = sorted(each.name for each in threading.enumerate() if _is_foreign(each))
    if not names:
        return []
    return [
        "These threads were started before worker processes are forked: "
        f"{', '.join(names)}. Locks that they hold during the fork stay locked in the "
        "worker processes. Start them in a receiver of taskhub.signals.process_started."
    ]


def _is_foreign(thread: Thread) -> bool:
    """Return whether a thread is neither the main thread nor a QueueListener's."""
    if thread is threading.main_thread():
        return False
    # Each worker process starts log listeners of its own.
    target = getattr(thread, "_target", None)
    return not isinstance(getattr(target, "__self__", None), QueueListener)
