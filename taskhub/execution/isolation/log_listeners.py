"""
Listeners of log queues in forked processes.

A `logging.handlers.QueueHandler` passes log lines to the thread of a `QueueListener`. A
fork copies the queue and not the thread. Without a thread, the child's lines would be
lost, and a bounded queue would block. So each child gets its own queue and thread.

The supervisor finds the listeners before it forks, since gc.freeze() hides them.
"""

import gc
import logging
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue, SimpleQueue
from threading import Thread
from typing import Any

#: How long a process waits at its end until the remaining lines are written.
_DRAIN_SECONDS = 2.0

#: The listeners that ran in the supervisor.
_found: list[QueueListener] = []
#: The listeners that this process has restarted.
_started: list[QueueListener] = []


def find_log_listeners() -> None:
    """Find the listeners that run in this process, for its children."""
    global _found
    if not _queue_handlers():
        return
    _found = [
        each
        for each in gc.get_objects()
        # Not isinstance(), which may run code of the object.
        if issubclass(type(each), QueueListener)
        and isinstance(each.queue, Queue | SimpleQueue)
        and each._thread is not None
    ]


def restart_log_listeners() -> None:
    """Start this process's own listeners on empty queues, after its fork."""
    for listener in _found:
        old: Any = listener.queue
        # The supervisor writes the lines in the old queue. The locks of this queue may
        # have been held during the fork, and would stay locked here.
        new: Any = Queue(old.maxsize) if isinstance(old, Queue) else SimpleQueue()
        for handler in _queue_handlers():
            if handler.queue is old:
                handler.queue = new
        listener.queue = new
        listener._thread = None
        listener.start()
        _started.append(listener)


def close_logging() -> None:
    """Write all log lines. To be called before os._exit(), which writes none."""
    for listener in _started:
        thread: Thread | None = listener._thread
        if thread is None:
            # The site has stopped the listener.
            continue
        try:
            listener.enqueue_sentinel()
        except Full:
            # Its thread is stuck, and cannot write more lines.
            continue
        thread.join(_DRAIN_SECONDS)
    logging.shutdown()


def _queue_handlers() -> list[QueueHandler]:
    handlers = (reference() for reference in logging._handlerList)  # type: ignore[attr-defined]
    return [each for each in handlers if isinstance(each, QueueHandler)]
