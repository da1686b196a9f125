"""The tasks."""

from django.tasks import task

from benchmarks.peers import tally


@task
def no_op(number: int) -> None:
    """Do nothing."""
    tally.note_run()


@task
def start(sent: float) -> None:
    """Note the delay."""
    tally.note_start(sent)
