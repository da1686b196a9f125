"""A schedule that got into a row by other ways than through `parse`."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from taskhub.exceptions import InvalidSchedule
from taskhub.schedules.schedule import Schedule
from taskhub.schedules.text import parse

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unreadable(Schedule):
    """Text that is no schedule. It raises its error when asked for a tick."""

    kind: ClassVar[str] = ""

    raw: str
    reason: str
    error_class: type[InvalidSchedule] = InvalidSchedule

    @property
    def text(self) -> str:
        return self.raw

    def next_after(self, moment: datetime) -> datetime | None:
        raise self.error_class(self.reason)


def read(text: str) -> Schedule:
    """
    Read a row's schedule; text that is none becomes an Unreadable.

    Whatever goes wrong with the text: others, which are read with it, are not to miss.
    """
    try:
        return parse(text)
    except InvalidSchedule as error:
        return Unreadable(text, str(error), type(error))
    except Exception as error:
        logger.exception("Cannot read the schedule %r.", text)
        return Unreadable(text, f"It cannot be read: {type(error).__name__}: {error}")
