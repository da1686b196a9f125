"""
Import of schedules of django-celery-beat as periodic tasks of taskhub.

`tables` reads its tables, `schedules` translates its schedules, `rows`
makes a `PeriodicTask` of each row, and `importing` decides which rows are written.
"""

from taskhub.interop.celery_beat.importing import RowOutcome, Verdict, import_tasks
from taskhub.interop.celery_beat.rows import ImportOptions
from taskhub.interop.celery_beat.tables import (
    OldTask,
    check_tables,
    disable,
    read_tasks,
)

__all__ = [
    "ImportOptions",
    "OldTask",
    "RowOutcome",
    "Verdict",
    "check_tables",
    "disable",
    "import_tasks",
    "read_tasks",
]
