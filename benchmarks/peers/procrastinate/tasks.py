"""The tasks."""

from procrastinate.contrib.django import app

from benchmarks.peers import tally


# Coroutines, as procrastinate recommends; it runs sync functions in a thread.
@app.task(name="no_op")
async def no_op(number: int) -> None:
    """Do nothing."""
    tally.note_run()


@app.task(name="start")
async def start(sent: float) -> None:
    """Note the delay."""
    tally.note_start(sent)
