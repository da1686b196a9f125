"""
What the database refuses of one row: now, or for good.

What is about the database and not about a row is not counted here: see
`taskhub.writer.transient`.
"""

import logging
from collections.abc import Iterable

from taskhub.beat.disabling import name_of
from taskhub.writer import may_be_transient

logger = logging.getLogger(__name__)

#: After so many refusals of one row, while others are taken, it is the row.
MAX_REFUSALS = 5
#: How long a row is left alone after it was refused.
REFUSED_SECONDS = 1.0


class Refusals:
    """Counts how often in a row the database has refused each row that stood alone."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def pause_after(self, pk: int, error: Exception) -> float:
        """Return how long to leave a row alone; 0 if it is the row that is wrong."""
        count = self._counts.pop(pk, 0) + 1
        if not may_be_transient(error) or count >= MAX_REFUSALS:
            return 0
        if count == 1:
            logger.warning("Cannot fire %s now: %s Trying again.", name_of(pk), error)
        self._counts[pk] = count
        return REFUSED_SECONDS

    def forget(self, pks: Iterable[int]) -> None:
        """Note that rows were dealt with."""
        for pk in pks if self._counts else ():
            self._counts.pop(pk, None)
