"""
The worker: what `manage.py taskworker` runs.

Processes. A *supervisor* forks and waits; it holds no connection and no thread. Under
it run the *worker processes*, each with a token of its own under which it holds
messages, one *steward*, which keeps the tokens' leases alive and takes back what the
dead held, and *companions*: a beat, if one was asked for. Pipes lead from the
supervisor to its children; when one of them closes, the supervisor is gone, and they
stop by themselves.

Threads of a worker process, and who owns what:

    slots          one (the main thread) or several; each takes a delivery from the
                   consumer, and runs it, or hands it to the event loop
    event loop     runs `async def` tasks, many at a time; started by the first
    group writer   owns what has ended until it is written and acknowledged
    watch          looks at what runs: marks the long ones, has what waits behind them
                   given back, and hears the signals

The consumer owns what is reserved and not yet started. It has no thread: a slot that
finds it empty reserves more, one slot at a time.

How a process stops is a numbered recipe in `process.py`, how a node stops in
`supervisor.py`.
"""
