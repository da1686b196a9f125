"""
Signals of taskhub's own processes; those of tasks are Django's.

A worker, its steward and its beat are forked processes, which end without `atexit`.
Receivers open, flush and close what a site uses in each process.
"""

from django.dispatch import Signal

#: Sent in each process when it starts, before its first task. `role` is "worker",
#: "steward" or "beat".
process_started = Signal()

#: Sent in each process before it ends, with the same `role`, unless it is killed or has
#: to end at once. Receivers have three seconds. Unfinished tasks may still run.
process_ending = Signal()
