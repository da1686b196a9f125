"""
Rows that the database refuses, for a while or for ever.

Errors of the database itself are not counted here; see `taskhub.writer.transient`.
"""

import logging
from collections.abc import Iterable

from taskhub.beat.disabling import name_of
from taskhub.writer import may_be_transient

logger = logging.getLogger(__name__)

#: A row that is refused this many times, while other rows are written, is at fault.
MAX_REFUSALS = 5
#: How long to ignore a row after a refusal.
REFUSED_SECONDS = 1.0


class Refusals:
    """Counts consecutive refusals of each row that was processed alone."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def pause_after(self, pk: int, error: Exception) -> float:
        """Return how many seconds to ignore a row; 0 if the row is at fault."""
        count = self._counts.pop(pk, 0) + 1
        if not may_be_transient(error) or count >= MAX_REFUSALS:
            return 0
        if count == 1:
            logger.warning("Cannot fire %s now: %s Retrying.", name_of(pk), error)
        self._counts[pk] = count
        return REFUSED_SECONDS

    def forget(self, pks: Iterable[int]) -> None:
        """Forget the refusals of rows that were written."""
        for pk in pks if self._counts else ():
            self._counts.pop(pk, None)
