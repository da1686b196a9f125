"""
The beat: fires periodic tasks when they are due.

There is no leader, and no state beyond the rows: any number of beats look at the same
index, `PeriodicTask.look_at`, each at what comes next.

What a beat does about rows, for each tick in one transaction:

1. Their locks are taken; rows that another beat is at are left to it.
2. What is due is compared with what the row says now: a plan that was made for another
   schedule is made anew, and fires nothing.
3. The results are inserted: unique on schedule and due time.
4. The next run is moved on.
5. After the commit, and only then, messages are pushed.

Killed before the commit, a beat has done nothing; after it, the rows are there, and
that their messages are missing is seen by the sweep. A row that cannot be fired
disables itself, with the reason, and its neighbours go on.

All times are compared with the database's clock, so that hosts may differ.
"""

from taskhub.beat.beat import Beat

__all__ = ["Beat"]
