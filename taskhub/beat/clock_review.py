"""Finding plans that were made while the clock was ahead."""

import time

from django.db.models import Q

from taskhub.beat.queries import NO_ROWS, FoundRows
from taskhub.models import PeriodicTask
from taskhub.models.clock import DatabaseNow
from taskhub.models.periodic.periodic_task import MAX_AHEAD

REVIEW_SECONDS = 60.0
MAX_ROWS_AT_ONCE = 500


class ClockReview:
    """
    Finds, once a minute, rows that were planned or fired at a time in the future.

    Their next run would be late by the time that the clock was ahead.
    """

    def __init__(self) -> None:
        self._next_at = 0.0

    def next_ahead(self) -> FoundRows:
        """Return such rows, mostly none. Run one query if a minute has passed."""
        if time.monotonic() < self._next_at:
            return NO_ROWS
        self._next_at = time.monotonic() + REVIEW_SECONDS
        ahead = DatabaseNow() + MAX_AHEAD
        found = list(
            PeriodicTask.writing.filter(
                Q(last_run_at__gt=ahead) | Q(planned_at__gt=ahead)
            )
            .filter(enabled=True, next_run_at__gt=ahead)
            .order_by("pk")
            .values_list("pk", DatabaseNow())[:MAX_ROWS_AT_ONCE]
        )
        return FoundRows([pk for pk, _now in found], found[0][1]) if found else NO_ROWS
