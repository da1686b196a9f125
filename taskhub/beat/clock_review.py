"""A review of plans that were made by a clock which was ahead, and was set back."""

import time

from django.db.models import Q

from taskhub.beat.queries import NO_ROWS, FoundRows
from taskhub.models import PeriodicTask
from taskhub.models.clock import DatabaseNow
from taskhub.models.periodic.periodic_task import AHEAD

REVIEW_SECONDS = 60.0
MAX_ROWS_AT_ONCE = 500


class ClockReview:
    """
    Finds, once a minute, what has been planned or fired in the future.

    Its next run would come as late as the clock was ahead, though nobody wants it to.
    """

    def __init__(self) -> None:
        self._next_at = 0.0

    def next_ahead(self) -> FoundRows:
        """Return rows to look at: most times none. One query, if it is time."""
        if time.monotonic() < self._next_at:
            return NO_ROWS
        self._next_at = time.monotonic() + REVIEW_SECONDS
        ahead = DatabaseNow() + AHEAD
        found = list(
            PeriodicTask.writing.filter(
                Q(last_run_at__gt=ahead) | Q(planned_at__gt=ahead)
            )
            .filter(enabled=True, next_run_at__gt=ahead)
            .order_by("pk")
            .values_list("pk", DatabaseNow())[:MAX_ROWS_AT_ONCE]
        )
        return FoundRows([pk for pk, _now in found], found[0][1]) if found else NO_ROWS
