"""
The broker in the result rows: it needs no server besides the database.

`TaskResult.place` is the place of a message, and `held_by` its holder; each place has
an index. Rows are taken with SKIP LOCKED where the database supports it, and otherwise
by compare-and-set. Times are compared with the database's clock.

Idle workers poll every `poll_seconds`. On PostgreSQL they LISTEN, and enqueueing
NOTIFYs them at the commit, unless the option `notify` is off.
"""

from taskhub.brokers.database.broker import DatabaseBroker

__all__ = ["DatabaseBroker"]
