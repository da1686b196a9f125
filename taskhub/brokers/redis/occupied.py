"""
Finding the queues that have messages, in one round trip.

Running reserve.lua once for each of a hundred queues would mostly find nothing.
"""

from collections.abc import Sequence

from taskhub.brokers.redis.connection import Client
from taskhub.brokers.redis.keys import Keys

#: For up to this number of queues, running all scripts costs no more than the check.
MAX_UNCHECKED_QUEUES = 2


def occupied(client: Client, queues: Sequence[Keys], token: str) -> list[bool]:
    """
    Return for each queue whether to run reserve.lua.

    Run it if messages are ready or delayed, or to report a wrong type or missing lease.
    """
    pipeline = client.pipeline(transaction=False)
    for keys in queues:
        pipeline.zcard(keys.ready)
        pipeline.zcard(keys.delayed)
        pipeline.zscore(keys.nodes, token)
    # An error in place of a reply is true, like a number above 0.
    answers = iter(pipeline.execute(raise_on_error=False))
    return [
        bool(ready or delayed or not lease_end)
        for ready, delayed, lease_end in zip(answers, answers, answers, strict=True)
    ]
