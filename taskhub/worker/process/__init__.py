"""
A worker process: it takes messages from the broker, and runs their tasks.

Its threads, and what each owns:

    slots          one, which is the main thread, or several; each takes a delivery from
                   the consumer, and runs its task or submits it to the event loop
    event loop     runs `async def` tasks side by side; started with the first of them
    group writer   owns ended deliveries until they are written and acknowledged; see
                   `taskhub.writer.thread`
    watch          looks at the running tasks several times a second: marks long ones,
                   enforces time limits, and gives back messages that wait behind long
                   tasks; hears signals and the supervisor

The consumer owns messages that are reserved and not started. It has no thread: a slot
that finds it empty reserves more, and only one slot does so at a time. `Running` knows
the runs of all threads. A run is removed once, by the thread that decides how it ended.

How the process stops is a numbered list in worker_process.py. A part that fails ends
the whole process at once; the supervisor starts another one.
"""
