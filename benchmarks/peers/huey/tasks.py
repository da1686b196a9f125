"""huey's application, and the tasks."""

import os

from huey import RedisHuey

from benchmarks.peers import tally

huey = RedisHuey(
    "peers",
    url=os.environ["REDIS_URL"],
    # By default a result of None is not stored, and the task could not be counted.
    store_none=True,
)


@huey.task()
def no_op(number: int) -> None:
    """Do nothing."""
    tally.note_run()


@huey.task()
def start(sent: float) -> None:
    """Note the delay."""
    tally.note_start(sent)
