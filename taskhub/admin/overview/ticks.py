"""The beat on the overview: what fires next, and what is late."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.safestring import SafeString

from taskhub.admin import markup
from taskhub.admin.periodic.upcoming import relative
from taskhub.models import PeriodicTask
from taskhub.models.periodic import PeriodicTaskQuerySet
from taskhub.models.results import results_database
from taskhub.operations.status import LATE_TICK

#: So many ticks are shown.
MOST_TICKS = 10


@dataclass(frozen=True)
class TickOnPage:
    """The next run of one schedule."""

    pk: int
    name: str
    task: str
    at: SafeString
    #: In 5 minutes, 3 s ago.
    relative: str
    is_late: bool


def read_ticks() -> list[TickOnPage]:
    """Return the next ticks, the most urgent first, with one query."""
    rows = PeriodicTaskQuerySet(PeriodicTask, using=results_database()).in_order()
    now = timezone.now()
    enabled = rows.filter(enabled=True, next_run_at__isnull=False)
    # Arguments may be large.
    enabled = enabled.defer("args", "kwargs")
    return [_on_page(row, row.next_run_at, now) for row in enabled[:MOST_TICKS]]


def _on_page(row: PeriodicTask, due: datetime | None, now: datetime) -> TickOnPage:
    due = due or now
    # One that waits for an earlier run to finish is not late: it was told to wait.
    is_late = now - max(due, row.postponed_until or due) > LATE_TICK
    return TickOnPage(
        pk=row.pk,
        name=row.name,
        task=row.task_path.rpartition(".")[2],
        at=markup.moment(due),
        relative=relative(due, now),
        is_late=is_late,
    )
