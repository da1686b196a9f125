"""
The broker contract on the result rows themselves: no server beyond the database.

`TaskResult.place` is where a message is and `held_by` who holds it; an index for each
place finds it. Rows are taken with SKIP LOCKED where the database has that, and by
compare-and-set where it has not. Times are compared with the database's clock.

Idle workers look every `poll_seconds`; on PostgreSQL they LISTEN, and enqueueing
NOTIFYs them as it commits, unless the option `notify` is off.
"""

from taskhub.brokers.database.broker import DatabaseBroker

__all__ = ["DatabaseBroker"]
