"""Finding plans that the current rules of time zones have changed."""

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from taskhub.beat.queries import NO_ROWS, FoundRows
from taskhub.models import PeriodicTask
from taskhub.models.clock import DatabaseNow
from taskhub.schedules import Span

MAX_ROWS_AT_ONCE = 500


class ZoneReview:
    """
    Reviews all plans in time zones once, when a beat starts, some at a time.

    If new rules make a tick later, the beat notices it at the planned time. If they
    make it earlier, only a review finds it. A process keeps its rules: one is enough.
    """

    def __init__(self) -> None:
        self._last_pk: int | None = 0

    @property
    def is_done(self) -> bool:
        """Whether all plans have been reviewed."""
        return self._last_pk is None

    def next_outdated(self) -> FoundRows:
        """Review some plans; return those that are outdated. Run one query."""
        planned = PeriodicTask.writing.filter(pk__gt=self._last_pk or 0, enabled=True)
        plans = list(
            planned.exclude(planned_between="")
            .order_by("pk")
            .values_list("pk", "planned_schedule", "planned_between", DatabaseNow())[
                :MAX_ROWS_AT_ONCE
            ]
        )
        if not plans:
            self._last_pk = None
            return NO_ROWS
        self._last_pk, *_plan, now = plans[-1]
        return FoundRows([pk for pk, *plan, _now in plans if _is_outdated(*plan)], now)


def _is_outdated(schedule: str, text: str) -> bool:
    span, zone = Span.read(text), _zone_of(schedule)
    return span is not None and zone is not None and not span.holds(zone)


def _zone_of(schedule: str) -> tzinfo | None:
    """Return the zone at the end of a schedule's text; None if it is unknown here."""
    try:
        return ZoneInfo(schedule.rpartition(" ")[2])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
