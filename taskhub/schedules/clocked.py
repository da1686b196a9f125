"""Clocked: once, at a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from taskhub.exceptions import InvalidSchedule
from taskhub.schedules.schedule import Schedule, in_utc


@dataclass(frozen=True)
class Clocked(Schedule):
    """Once, at an aware datetime. Raise InvalidSchedule for a naive one."""

    kind: ClassVar[str] = "once"

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise InvalidSchedule(
                f"Expected an aware datetime, not {self.at!r}.", field="at"
            )

    @property
    def text(self) -> str:
        return f"{self.kind} {in_utc(self.at).isoformat()}"

    def next_after(self, moment: datetime) -> datetime | None:
        at = in_utc(self.at)
        return at if at > moment else None


def once(at: datetime) -> Clocked:
    """Return a schedule with one tick. Raise InvalidSchedule for a naive datetime."""
    return Clocked(at)
