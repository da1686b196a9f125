"""
The beat: fires periodic tasks when they are due.

There is no leader, and no state outside the rows. Any number of beats read the same
index, `PeriodicTask.look_at`, which says when a row needs a beat.

A beat processes rows in one transaction:

1. Lock the rows. Skip those that another beat has locked.
2. Compare each plan with its row. If the schedule has changed, only make a new plan.
3. Insert the results. They are unique by schedule and due time.
4. Set the next run.
5. Push the messages after the commit.

A beat that is killed before the commit has done nothing. If it is killed after the
commit, the sweep finds the rows and pushes their messages. A row that cannot be fired
is disabled with the reason, and the other rows are not affected.

All times are compared with the database's clock, so the clocks of hosts may differ.
"""

from taskhub.beat.beat import Beat

__all__ = ["Beat"]
