"""
The group writer: the thread of a worker process that writes what its tasks have done.

The slots, the event loop and the watch hand items in: ends of deliveries, marks of long
runs, progress, logs, metrics, and checks for cancelled results. An item is owned in
turn by

    the reports          only progress, the latest of each task, until the next look of
                         the watch or the outcome
    the queue            until the thread collects it
    the unwritten items  until it is committed with its group; after an error it stays
    the acknowledger     until the broker knows the end of the delivery

The holdings know every message that the process holds, from the reservation to the
acknowledgement. The consumer and the group writer share them.

How it stops: `stop` hands in an end mark. The thread writes and acknowledges everything
from before the mark, and last the metrics. If the database or the broker is away, the
thread ends after some seconds, and the remaining messages are still held. If the thread
fails, the whole process exits.
"""
