"""The next runs of periodic tasks on the overview, with late ones marked."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from taskhub.admin import display
from taskhub.admin.addresses import row_address
from taskhub.admin.neighbours import rows_of
from taskhub.admin.periodic_tasks.display.upcoming_runs import relative
from taskhub.models import PeriodicTask
from taskhub.models.periodic.periodic_task import PeriodicTaskQuerySet
from taskhub.operations.status import MAX_TICK_DELAY

MAX_TICKS = 10


@dataclass(frozen=True)
class TickOnPage:
    """The next run of a periodic task."""

    #: The address of the periodic task's page, or "".
    url: str
    name: str
    task: str
    at: SafeString
    #: For example "in 5 minutes" or "3 s ago".
    relative: str
    is_late: bool


def read_ticks(site: AdminSite, request: HttpRequest) -> list[TickOnPage]:
    """Return the next ticks that the user may see, the earliest first. One query."""
    rows: PeriodicTaskQuerySet = rows_of(site, request, PeriodicTask)
    now = timezone.now()
    enabled = rows.in_order().filter(enabled=True, next_run_at__isnull=False)
    # Arguments may be large, and are not shown.
    enabled = enabled.defer("args", "kwargs")
    return [_on_page(site, row, row.next_run_at, now) for row in enabled[:MAX_TICKS]]


def _on_page(
    site: AdminSite, row: PeriodicTask, due: datetime | None, now: datetime
) -> TickOnPage:
    due = due or now
    # A run that was postponed until an earlier one finishes is not late.
    is_late = now - max(due, row.postponed_until or due) > MAX_TICK_DELAY
    return TickOnPage(
        url=row_address(site, row),
        name=row.name,
        task=row.task_path.rpartition(".")[2],
        at=display.moment(due),
        relative=relative(due, now),
        is_late=is_late,
    )
