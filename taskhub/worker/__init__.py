"""
The worker: what `manage.py taskworker` runs, called a node.

A node consists of these processes, each in a package or a class of its own:

    supervisor         `worker.supervisor`: the parent; forks the others and waits
    worker processes   `worker.process`: run tasks; each holds messages under a token
    steward            `worker.steward`: sends the heartbeats for the tokens, takes back
                       what dead processes held, and does the node's chores
    companions         other processes, such as a beat with `--beat`

The modules of this package itself are shared by all of them. The processes have in
common a flag that makes the node quiet, the scoreboard of running tasks, and pipes. If
a child's pipe from the supervisor ends, the supervisor is gone, and the child stops.

A package's code runs in its own process: only the supervisor imports the other two, to
start them after a fork. The numbered lists in supervisor.py and worker_process.py say
how a node and a worker process stop.
"""
