"""
The Redis broker; nothing else in taskhub imports redis.

Every key begins with the key prefix, then the queue in braces: the hash tag, so that
all keys of a queue are in one slot of Redis Cluster. Neither may contain a brace.

    taskhub:{<queue>}:messages      HASH  id → rank, how it came back, body
    taskhub:{<queue>}:delayed       ZSET  id → due, ms
    taskhub:{<queue>}:ready         ZSET  id → rank
    taskhub:{<queue>}:held:<token>  ZSET  id → rank
    taskhub:{<queue>}:nodes         ZSET  token → lease end, ms
    taskhub:{<queue>}:wake          LIST  hints that wake an idle worker each
    taskhub:{<queue>}:paused        STRING  there while nothing is handed out

    taskhub:{<queue>}:mark          STRING  gone if everything else is
    taskhub:{<queue>}:owner         STRING  which database the results are in
    taskhub:{<queue>}:run           STRING  which run of a server has the messages

A message's body lives in `messages`; its place is exactly one of delayed, ready and
the helds. Every change of place is one Lua script, a file each, and only Redis's clock
is asked for the time. A rank is one number for "higher priority first, then older".
Everything here can be thrown away and rebuilt from the result rows. Where it may be an
older state of what there was, rows are looked at before messages are run.
"""

from taskhub.brokers.redis.broker import RedisBroker

__all__ = ["RedisBroker"]
