"""
The steward: a process of a node that keeps leases alive and does the node's chores.

It is a process of its own, so that heartbeats are sent while a task holds the GIL of
its worker process for minutes. Its threads, and what each owns:

    main           reads starts and deaths of worker processes from the supervisor's
                   pipe; never waits for a server, so its sign of life is reliable
    leases         owns the tokens of living and dead processes; sends heartbeats to the
                   broker, and takes back the messages of dead processes, and of the
                   processes of silent nodes
    housekeeper    does the chores, one after another: everything that needs the
                   database, such as the node's row, the sweep and pruning
    health         answers probes, each in a thread of its own, from values in memory

The main thread passes tokens to the leases thread, which passes the tokens of the dead
to the housekeeper. Requests to the node, which the housekeeper reads from the node's
row, go up to the supervisor.

How it stops: it ignores signals. When the supervisor closes the pipe, the leases thread
goes on until the last worker process has left; then the housekeeper does its last
chores, each within a few seconds. If the leases thread fails, the whole process exits,
and the supervisor starts another steward.
"""
