"""The tasks: django-q2 takes any function, by its path."""

from benchmarks.peers import tally


def no_op(number: int) -> None:
    """Do nothing."""
    tally.note_run()


def start(sent: float) -> None:
    """Note the delay."""
    tally.note_start(sent)
