"""
Signals of taskhub's own processes; those of tasks are Django's.

A worker, its steward and its beat are forked and end without Python's own cleaning up:
what a site opens in each process is opened, flushed and closed here.
"""

from django.dispatch import Signal

#: Sent in each process as it begins, before its first task. `role` is "worker",
#: "steward" or "beat".
process_started = Signal()

#: Sent in each process as it ends, with the same `role`; not if it is killed, or told
#: to end at once. Receivers have three seconds. Tasks that are left unfinished may
#: still be running.
process_ending = Signal()
