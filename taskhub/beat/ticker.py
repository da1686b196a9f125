"""The ticker: finds the rows that are due, and keeps the trouble of each to itself."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Case, When
from django.db.models.functions import Now

from taskhub.beat.look import Look
from taskhub.beat.pausing import name_of, pause_unread
from taskhub.beat.refusals import Refusals, is_outage
from taskhub.beat.rules import RulesReview
from taskhub.models import PeriodicTask
from taskhub.models.periodic import PeriodicTaskQuerySet
from taskhub.models.results import results_database

logger = logging.getLogger(__name__)

MAX_ROWS_PER_TRANSACTION = 500
#: A change by SQL is seen within this.
LONGEST_PAUSE_SECONDS = 1.0
#: How long a row is left alone that can neither be fired nor be disabled.
ASIDE_SECONDS = 60.0


class Ticker:
    """Looks, fires, and says when to look again."""

    def __init__(self) -> None:
        #: Rows that are left alone, by key, and until when; nothing else is kept.
        self._aside: dict[int, float] = {}
        self._refusals = Refusals()
        #: What has been said of zones that this host does not know.
        self._told: set[str] = set()
        self._review = RulesReview()

    def look(self) -> float:
        """
        Fire what is due; return how many seconds until the next look.

        Blocks for one query, and a transaction for up to 500 rows; the first looks also
        review plans by the rules of their time zones.

        Raise a database's error if that is away, or not migrated.
        """
        self._take_up_again()
        if not self._review.is_done:
            self._review_rules()
        upcoming = self._upcoming()
        if not upcoming:
            return LONGEST_PAUSE_SECONDS
        _pk, coming, now = upcoming[0]
        if coming is None:
            due = [pk for pk, coming, _now in upcoming if coming is None]
            self._take(due, now)
            return 0.0
        wait: timedelta = coming - now
        return min(wait.total_seconds(), LONGEST_PAUSE_SECONDS)

    def _upcoming(self) -> list[tuple[int, datetime | None, datetime]]:
        """Return rows by urgency: when each has to be looked at, None if it is due."""
        rows = PeriodicTaskQuerySet(PeriodicTask, using=results_database()).in_order()
        soon = Now() + timedelta(seconds=LONGEST_PAUSE_SECONDS)
        return list(
            rows.filter(look_at__lte=soon)
            .exclude(pk__in=self._aside)
            # When what is due has been due is not read: Python may not know such times.
            .annotate(now=Now(), coming=Case(When(look_at__gt=Now(), then="look_at")))
            .values_list("pk", "coming", "now")[:MAX_ROWS_PER_TRANSACTION]
        )

    def _review_rules(self) -> None:
        outdated, now = self._review.next_outdated()
        if now is not None and outdated:
            self._take(outdated, now, only_due=False)

    def _take(
        self, pks: Sequence[int], now: datetime, *, only_due: bool = True
    ) -> None:
        """Deal with rows together or, if that fails, with smaller and smaller parts."""
        look = Look(now, careful=len(pks) == 1, only_due=only_due)
        try:
            look.take(pks)
        except Exception as error:
            if is_outage(error):
                raise
            if len(pks) == 1:
                self._deal_with(pks[0], look.disabled.get(pks[0]), error)
                return
            half = len(pks) // 2
            self._take(pks[:half], now, only_due=only_due)
            self._take(pks[half:], now, only_due=only_due)
        else:
            self._refusals.forget(pks)
            self._leave_aside(look.left_aside)

    def _deal_with(self, pk: int, reason: str | None, error: Exception) -> None:
        """Disable a row that fails alone, or leave it alone for a while."""
        seconds = self._refusals.pause_after(pk, error) if reason is None else 0
        try:
            if not seconds:
                pause_unread(pk, reason, error)
                return
        except Exception as second:
            if is_outage(second):
                raise
            logger.exception("Cannot fire %s.", name_of(pk), exc_info=second)
            seconds = ASIDE_SECONDS
        self._aside[pk] = time.monotonic() + seconds

    def _leave_aside(self, rows: dict[int, tuple[str, str]]) -> None:
        """Leave rows in zones that this host does not know to beats on other hosts."""
        for pk, (name, reason) in rows.items():
            self._aside[pk] = time.monotonic() + ASIDE_SECONDS
            if reason not in self._told:
                self._told.add(reason)
                logger.error(
                    "%s It is left to beats that know it, such as for %r; update this "
                    "host's time zones.",
                    reason,
                    name,
                )

    def _take_up_again(self) -> None:
        if self._aside:
            now = time.monotonic()
            self._aside = {pk: at for pk, at in self._aside.items() if at > now}
