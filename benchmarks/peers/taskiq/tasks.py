"""taskiq's broker, and the tasks."""

import os

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers import tally
from benchmarks.peers.peer import variant

# A database of Redis to itself, so that results can be counted.
RESULTS_URL = os.environ["REDIS_URL"].removesuffix("/0") + "/1"

if variant() == "streams":
    # From the first message; by default, what was sent before a worker has ever
    # started is not run.
    broker = RedisStreamBroker(os.environ["REDIS_URL"], consumer_id="0")
else:
    # Faster, and loses what a worker has taken and not finished when it dies.
    broker = ListQueueBroker(os.environ["REDIS_URL"])
broker = broker.with_result_backend(RedisAsyncResultBackend(RESULTS_URL))


@broker.task
async def no_op(number: int) -> None:
    """Do nothing."""
    tally.note_run()


@broker.task
async def start(sent: float) -> None:
    """Note the delay."""
    tally.note_start(sent)
