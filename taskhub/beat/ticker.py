"""The ticker: processes rows in batches, and isolates rows that fail."""

import logging
from collections.abc import Sequence
from datetime import datetime

from taskhub.beat.batch import Batch
from taskhub.beat.clock_review import ClockReview
from taskhub.beat.disabling import disable_unread, name_of
from taskhub.beat.ignored import IGNORED_SECONDS, Ignored
from taskhub.beat.presence import Presence
from taskhub.beat.queries import find_due, find_unplanned
from taskhub.beat.refusals import Refusals
from taskhub.beat.zone_review import ZoneReview
from taskhub.writer import is_transient

logger = logging.getLogger(__name__)


class Ticker:
    """Processes the rows that need a beat."""

    def __init__(self) -> None:
        self._ignored = Ignored()
        self._refusals = Refusals()
        self._zone_review = ZoneReview()
        self._clock_review = ClockReview()
        self._presence = Presence()

    def run_once(self) -> float:
        """
        Fire due rows, and plan edited rows; return the seconds until the next call.

        Block for two queries, a transaction for up to 500 due rows, and one for up to
        200 rows without a plan. The first calls also review plans in time zones; one
        call a minute reviews plans that were made while the clock was ahead. Raise a
        DatabaseError if the database is away, or not migrated.
        """
        if not self._zone_review.is_done:
            self._review_zones()
        due = find_due(self._ignored)
        self._process(due.pks, due.now)
        ahead = self._clock_review.next_ahead()
        self._process(ahead.pks, ahead.now, only_due=False)
        unplanned = find_unplanned(self._ignored)
        self._process(unplanned.pks, unplanned.now)
        self._presence.tell()
        return 0.0 if due.pks or unplanned.pks else due.wait

    def _review_zones(self) -> None:
        found = self._zone_review.next_outdated()
        self._process(found.pks, found.now, only_due=False)

    def _process(
        self, pks: Sequence[int], now: datetime, *, only_due: bool = True
    ) -> None:
        """Process rows in one batch. If it fails, split it, to find the faulty rows."""
        if not pks:
            return
        batch = Batch(now, check_fired=len(pks) == 1, only_due=only_due)
        try:
            batch.process(pks)
        except Exception as error:
            if is_transient(error):
                raise
            if len(pks) == 1:
                self._isolate(pks[0], batch.reasons.get(pks[0]), error)
                return
            half = len(pks) // 2
            self._process(pks[:half], now, only_due=only_due)
            self._process(pks[half:], now, only_due=only_due)
        else:
            self._refusals.forget(pks)
            for lookup, (name, reason) in batch.unreadable.items():
                self._ignored.ignore_schedules(lookup, name, reason)

    def _isolate(self, pk: int, reason: str | None, error: Exception) -> None:
        """Disable a row whose own batch has failed, or ignore the row for a while."""
        seconds = self._refusals.pause_after(pk, error) if reason is None else 0
        try:
            if not seconds:
                disable_unread(pk, reason, error)
                return
        except Exception as disabling_error:
            if is_transient(disabling_error):
                raise
            logger.exception("Cannot fire %s.", name_of(pk), exc_info=disabling_error)
            seconds = IGNORED_SECONDS
        self._ignored.ignore_row(pk, seconds)
