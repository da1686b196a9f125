"""What a beat leaves alone for a while: to other beats, or until it may succeed."""

import logging
import time
from typing import TypeVar

from taskhub.models.periodic.periodic_task import PeriodicTaskQuerySet

logger = logging.getLogger(__name__)

_Key = TypeVar("_Key")

#: How long a row is left alone that cannot even be disabled, and an unknown time zone.
IGNORED_SECONDS = 60.0
#: So that a query does not grow without bounds, no more rows are left alone.
MAX_IGNORED_ROWS = 1_000


class Ignored:
    """Rows by their keys, and all rows in time zones that this host does not know."""

    def __init__(self) -> None:
        self._rows: dict[int, float] = {}
        self._zones: dict[str, float] = {}
        self._told: set[str] = set()

    def ignore_row(self, pk: int, seconds: float = IGNORED_SECONDS) -> None:
        """Leave one row alone."""
        if len(self._rows) < MAX_IGNORED_ROWS:
            self._rows[pk] = time.monotonic() + seconds

    def ignore_zone(self, zone: str, name: str, reason: str) -> None:
        """Leave all rows in a zone to beats on hosts that know it; log that once."""
        self._zones[zone] = time.monotonic() + IGNORED_SECONDS
        if zone not in self._told:
            self._told.add(zone)
            logger.error(
                "%s Schedules in it, such as %r, are left to beats on hosts that know "
                "it; update the time zones of this one.",
                reason,
                name,
            )

    def without(self, rows: PeriodicTaskQuerySet) -> PeriodicTaskQuerySet:
        """Return rows without those that are left alone now."""
        self._rows = _still(self._rows)
        self._zones = _still(self._zones)
        for zone in self._zones:
            rows = rows.exclude(schedule__endswith=f" {zone}")
        return rows.exclude(pk__in=self._rows) if self._rows else rows


def _still(left: dict[_Key, float]) -> dict[_Key, float]:
    now = time.monotonic()
    return {key: until for key, until in left.items() if until > now} if left else left
