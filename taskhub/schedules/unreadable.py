"""A schedule that got into a row by other ways than through `parse`."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from taskhub.exceptions import InvalidSchedule, UnknownZone
from taskhub.schedules.schedule import Schedule
from taskhub.schedules.text import parse

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unreadable(Schedule):
    """Text that is no schedule. Asked for a tick, it raises InvalidSchedule."""

    kind: ClassVar[str] = ""

    raw: str
    reason: str
    #: Whether all that is wrong is that this host does not know its time zone.
    is_zone_unknown: bool = False

    @property
    def text(self) -> str:
        return self.raw

    def next_after(self, moment: datetime) -> datetime | None:
        if self.is_zone_unknown:
            raise UnknownZone(self.reason, field="tz")
        raise InvalidSchedule(self.reason)


def read(text: str) -> Schedule:
    """
    Read a row's schedule; text that is none becomes an Unreadable.

    Whatever goes wrong with the text: others, which are read with it, are not to miss.
    """
    try:
        return parse(text)
    except InvalidSchedule as error:
        is_zone_unknown = isinstance(error, UnknownZone)
        return Unreadable(text, str(error), is_zone_unknown=is_zone_unknown)
    except Exception as error:
        logger.exception("Cannot read the schedule %r.", text)
        return Unreadable(text, f"It cannot be read: {type(error).__name__}: {error}")
