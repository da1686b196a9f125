"""Tasks that cost nothing, so that what is measured is taskhub."""

from taskhub import task


@task
def no_op(number: int) -> None:
    """Do nothing."""
