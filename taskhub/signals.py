"""
Signals of taskhub, beside Django's `task_enqueued`, `task_started`, `task_finished`.

A worker, its steward and its beat are forked processes. Functions that were registered
with `atexit` before the fork are not called in them, so receivers open, flush and close
what a site uses in each process.
"""

from django.dispatch import Signal

#: Sent when an attempt has failed and another one will follow, before this is written.
#: The arguments are those of Django's signals; `error`, the exception; and `pause`, the
#: timedelta until the next attempt.
task_retried = Signal()

#: Sent when somebody has cancelled a result, after it is written, in the process that
#: cancels. The arguments are those of Django's signals, and `reason`.
task_cancelled = Signal()

#: Sent in each process when it starts, before its first task. `role` is "worker",
#: "steward" or "beat".
process_started = Signal()

#: Sent in each process before it ends, with the same `role`, unless it is killed or has
#: to end at once. Receivers have three seconds. Unfinished tasks may still run.
process_ending = Signal()

#: Sent once for each node, in its steward, when the node has started; `node` is its
#: name, and `queues` are its queues.
node_started = Signal()

#: Sent in the steward when its node has ended its last run, unless the node is killed.
node_ending = Signal()
