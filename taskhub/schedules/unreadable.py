"""A schedule that got into a row by other ways than through `parse`."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from taskhub.exceptions import InvalidSchedule
from taskhub.schedules.schedule import Schedule
from taskhub.schedules.text import parse


@dataclass(frozen=True)
class Unreadable(Schedule):
    """Text that is no schedule. Asked for a tick, it raises InvalidSchedule."""

    kind: ClassVar[str] = ""

    raw: str
    reason: str

    @property
    def text(self) -> str:
        return self.raw

    def next_after(self, moment: datetime) -> datetime | None:
        raise InvalidSchedule(self.reason)


def read(text: str) -> Schedule:
    """Read a row's schedule; text that is none becomes an Unreadable."""
    try:
        return parse(text)
    except InvalidSchedule as error:
        return Unreadable(text, str(error))
