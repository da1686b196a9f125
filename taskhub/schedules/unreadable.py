"""Schedules of rows that cannot be read."""

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
    """A text that this host cannot read as a schedule; `next_after` says why."""

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
    """Read a row's schedule, or return Unreadable, so that other rows can be read."""
    try:
        return parse(text)
    except InvalidSchedule as error:
        return Unreadable(text, str(error), type(error))
    except Exception as error:
        logger.exception("Cannot read the schedule %r.", text)
        return Unreadable(text, f"It cannot be read: {type(error).__name__}: {error}")
