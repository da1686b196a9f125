"""taskiq's broker, and the tasks."""

import os

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers import tally
from benchmarks.peers.peer import variant

# A separate Redis database, so that results can be counted.
RESULTS_URL = os.environ["REDIS_URL"].removesuffix("/0") + "/1"

if variant() == "streams":
    # From the first message; by default, messages that were sent before the first start
    # of a worker do not run.
    broker = RedisStreamBroker(os.environ["REDIS_URL"], consumer_id="0")
else:
    # Faster, but if a worker dies, its unfinished messages are lost.
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
