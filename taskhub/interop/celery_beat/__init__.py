"""
Schedules of django-celery-beat, as periodic tasks of taskhub.

`tables` reads what is in its tables, `crontab` and `schedules` say the same in
taskhub's words, `rows` makes a `PeriodicTask` of each row, and `carrying` decides what
becomes of it, and writes.
"""

from taskhub.interop.celery_beat.importing import Finding, Verdict, carry_over
from taskhub.interop.celery_beat.rows import Wishes
from taskhub.interop.celery_beat.tables import (
    OldTask,
    check_tables,
    disable,
    read_tasks,
)

__all__ = [
    "Finding",
    "OldTask",
    "Verdict",
    "Wishes",
    "carry_over",
    "check_tables",
    "disable",
    "read_tasks",
]
