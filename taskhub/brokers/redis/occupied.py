"""
Which of many queues have messages that wait.

To reserve is a script for each queue. A worker of a hundred queues, of which a few have
messages, would spend most of its time on scripts that find nothing.
"""

from collections.abc import Sequence

from taskhub.brokers.redis.connection import Client
from taskhub.brokers.redis.keys import Keys

#: With so many queues or fewer, asking them all costs no more than asking which to ask.
FEW = 2


def occupied(client: Client, queues: Sequence[Keys], token: str) -> list[bool]:
    """
    Return for each queue whether it is worth running the script.

    It is if messages are ready or delayed there; and if a key has a wrong type, or the
    token has no lease there, so that the script says so. One round trip for all.
    """
    pipeline = client.pipeline(transaction=False)
    for keys in queues:
        pipeline.zcard(keys.ready)
        pipeline.zcard(keys.delayed)
        pipeline.zscore(keys.nodes, token)
    # An error stands in the place of an answer, and is as true as a number.
    answers = iter(pipeline.execute(raise_on_error=False))
    return [
        bool(ready or delayed or not lease_end)
        for ready, delayed, lease_end in zip(answers, answers, answers, strict=True)
    ]
