"""
Listeners of log queues, in processes that are forked.

A `logging.handlers.QueueHandler` leaves what is logged to the thread of a
`QueueListener`. A fork copies the queue and not the thread, so that nobody would empty
the queue in the child: its lines would be lost, and a queue with a bound would block.
So each child gets a queue and a thread of its own.

The supervisor finds the listeners before it forks, since the garbage collector does not
tell of what is frozen.
"""

import gc
import logging
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue, SimpleQueue
from threading import Thread
from typing import Any

#: How long lines that still wait may take at the end of a process.
_DRAIN_SECONDS = 2.0

#: Those that run in the supervisor, and those of this process.
_found: list[QueueListener] = []
_started: list[QueueListener] = []


def find_log_listeners() -> None:
    """Find the listeners that run in this process, for those that it forks."""
    global _found
    if not _queue_handlers():
        return
    _found = [
        each
        for each in gc.get_objects()
        # By its type: other objects may do anything when they are asked.
        if issubclass(type(each), QueueListener)
        and isinstance(each.queue, Queue | SimpleQueue)
        and each._thread is not None
    ]


def restart_log_listeners() -> None:
    """In a process that was just forked: start its own listeners, on empty queues."""
    for listener in _found:
        old: Any = listener.queue
        # What the old one holds is the supervisor's to show, and its locks may be held.
        new: Any = Queue(old.maxsize) if isinstance(old, Queue) else SimpleQueue()
        for handler in _queue_handlers():
            if handler.queue is old:
                handler.queue = new
        listener.queue = new
        listener._thread = None
        listener.start()
        _started.append(listener)


def close_logging() -> None:
    """Show what was logged so far. To be called before os._exit(), which does not."""
    for listener in _started:
        thread: Thread | None = listener._thread
        if thread is None:
            # The site has stopped it.
            continue
        try:
            listener.enqueue_sentinel()
        except Full:
            # Its thread is stuck: nothing more can be shown.
            continue
        thread.join(_DRAIN_SECONDS)
    logging.shutdown()


def _queue_handlers() -> list[QueueHandler]:
    handlers = (reference() for reference in logging._handlerList)  # type: ignore[attr-defined]
    return [each for each in handlers if isinstance(each, QueueHandler)]
