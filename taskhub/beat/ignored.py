"""The rows that a beat ignores for a while."""

import logging
import time
from typing import TypeVar

from taskhub.models.periodic.periodic_task import PeriodicTaskQuerySet

logger = logging.getLogger(__name__)

_Key = TypeVar("_Key")

#: How long rows that cannot be disabled, or read on this host, are ignored.
IGNORED_SECONDS = 60.0
#: The keys of ignored rows are in the query, so their number is limited.
MAX_IGNORED_ROWS = 1_000


class Ignored:
    """Single rows, by key, and all rows whose schedules this host cannot read."""

    def __init__(self) -> None:
        self._rows: dict[int, float] = {}
        self._schedules: dict[tuple[str, str], float] = {}
        self._logged: set[tuple[str, str]] = set()

    def ignore_row(self, pk: int, seconds: float = IGNORED_SECONDS) -> None:
        """Ignore one row."""
        if len(self._rows) < MAX_IGNORED_ROWS:
            self._rows[pk] = time.monotonic() + seconds

    def ignore_schedules(self, lookup: tuple[str, str], name: str, reason: str) -> None:
        """Ignore the rows that a lookup finds; log the reason and a row's name once."""
        self._schedules[lookup] = time.monotonic() + IGNORED_SECONDS
        if lookup not in self._logged:
            self._logged.add(lookup)
            logger.error(
                "%s Such schedules, for example %r, are left to beats on other hosts.",
                reason,
                name,
            )

    def without(self, rows: PeriodicTaskQuerySet) -> PeriodicTaskQuerySet:
        """Return rows without those that are ignored now."""
        self._rows = _unexpired(self._rows)
        self._schedules = _unexpired(self._schedules)
        for name, text in self._schedules:
            rows = rows.exclude(**{name: text})
        return rows.exclude(pk__in=self._rows) if self._rows else rows


def _unexpired(entries: dict[_Key, float]) -> dict[_Key, float]:
    now = time.monotonic()
    return {key: until for key, until in entries.items() if until > now}
