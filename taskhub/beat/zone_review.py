"""A review of all plans, once, when a beat starts: by the time zones' rules of now."""

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from taskhub.beat.queries import NO_ROWS, FoundRows
from taskhub.models import PeriodicTask
from taskhub.models.clock import DatabaseNow
from taskhub.schedules import Span

MAX_ROWS_AT_ONCE = 500


class ZoneReview:
    """
    Goes through all plans that a time zone has a say in, some at a time.

    A tick that comes later by new rules is seen when it is due. One that comes earlier
    has to be looked for, before that. A process knows the rules that there were when it
    started, so that once is enough.
    """

    def __init__(self) -> None:
        self._last_pk: int | None = 0

    @property
    def is_done(self) -> bool:
        """Whether all plans have been reviewed."""
        return self._last_pk is None

    def next_outdated(self) -> FoundRows:
        """Review some plans, with one query; return those that are out of date."""
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
    """Return the zone that ends a schedule's text; None if it is not known here."""
    try:
        return ZoneInfo(schedule.rpartition(" ")[2])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
