"""
The Redis broker. No other part of taskhub imports redis.

Every key begins with the key prefix and the queue in braces. The braces are a hash tag:
all keys of a queue are in one slot of a Redis Cluster. Prefix and name have no braces.

    taskhub:{<queue>}:messages      HASH  id → rank, how it came back, body
    taskhub:{<queue>}:delayed       ZSET  id → due, ms
    taskhub:{<queue>}:ready         ZSET  id → rank
    taskhub:{<queue>}:held:<token>  ZSET  id → rank
    taskhub:{<queue>}:nodes         ZSET  token → lease end, ms
    taskhub:{<queue>}:wake          LIST  hints; each wakes an idle worker
    taskhub:{<queue>}:paused        STRING  exists while the queue is paused

    taskhub:{<queue>}:mark          STRING  missing if the queue was deleted
    taskhub:{<queue>}:owner         STRING  the database of the results
    taskhub:{<queue>}:run           STRING  the run id of the server, and since when, ms

The body of a message is in `messages`. Its place is exactly one of delayed, ready and
held. Every change of place is one Lua script, and all times are by Redis's clock. A
rank sorts by priority, higher first, then by age. All keys can be deleted and rebuilt
from the result rows. If the server may have an older state, workers check rows first.
"""

from taskhub.brokers.redis.broker import RedisBroker

__all__ = ["RedisBroker"]
