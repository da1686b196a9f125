"""The tasks."""

import dramatiq

from benchmarks.peers import tally


@dramatiq.actor
def no_op(number: int) -> None:
    """Do nothing."""
    tally.note_run()


@dramatiq.actor
def start(sent: float) -> None:
    """Note the delay."""
    tally.note_start(sent)
