"""
The supervisor: the parent process of a node. It forks the other processes and waits.

It has one thread and no connection. One loop waits for signals, for messages from
children, and for what is due: the next birth, the kill of a process that does not end,
the look at a run that may be stuck.

It owns the children and everything that they share: the scoreboard, the flag that makes
the node quiet, and the pipes. Every child has a line, a pipe of its own down from the
supervisor; all children write into one pipe up to it; the steward has a pipe more,
through which it is told of the births and deaths of worker processes. When a line or
the steward's pipe ends, the supervisor is gone, and the child ends by itself.

A child that has died is reaped, and the rest of its process group is killed. It is
replaced after a delay that grows with a series of short lives. With `--reload`, two
more children notice changed code and check that it loads; then the node stops and the
supervisor executes itself again.

How it stops is a numbered list in supervisor.py.
"""
