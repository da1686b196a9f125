"""
The supervisor: the parent process of a node. It forks the other processes and waits.

It has one thread and no connection, so that little in it can fail and every fork is a
clean copy. Its loop waits for signals, for messages from children, and for deadlines:
to start a child, or to kill one that does not end.

It owns the children and what they share: the scoreboard, the flag that makes the node
quiet, and the pipes. Every child has a line, which is a pipe down to it, and all
children write into one pipe up. The steward has another pipe down, for the starts and
deaths of worker processes. When a line or that pipe ends, the child ends by itself.

A dead child is reaped, the rest of its process group is killed, and a successor is
started after a delay that grows with a series of short lives. With `--reload`, two more
children watch the code and check that it loads. When it has changed and loads, the node
stops, and the supervisor replaces itself with a new run of its command.

How a node stops is a numbered list in supervisor.py.
"""
