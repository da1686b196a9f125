"""
Inline runs: a task runs in the caller's process, thread, connection and transaction.

There is no broker, no other process and no other thread. Otherwise, an inline run takes
the way of every run: its row becomes a message, which is sealed and unsealed with the
same checks. The preparer begins an attempt, the executor calls the function, and the
outcome passes the fence. See `runner.py`.

Sites that set `OPTIONS["run"]` to "immediately" use `immediate.py`, and the kit for
tests is in `taskhub.testing`.

Some limits of workers do not hold, since nothing watches the run from outside:
`hard_timeout`, a cancellation while the task runs, and the isolation of processes.
"""

from taskhub.inline.runner import InlineEnd, InlineRunner

__all__ = ["InlineEnd", "InlineRunner"]
