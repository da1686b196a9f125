"""The steps of a cron field: */5, 9-17/2."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from taskhub.exceptions import InvalidSchedule

#: The first and the last value of each field. Day 7 of a week is the same as day 0.
RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day of month": (1, 31),
    "month": (1, 12),
    "day of week": (0, 6),
}
_NAMES = {
    "month": "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC",
    "day of week": "SUN MON TUE WED THU FRI SAT",
}
_TERM = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?/(?P<step>\d+)")


@dataclass(frozen=True)
class Step:
    """One term of a field that has a step."""

    term: str
    first: int
    last: int
    size: int

    @property
    def values(self) -> range:
        """The values that the term names."""
        return range(self.first, self.last + 1, self.size)


def steps_in(name: str, field: str) -> Iterator[Step]:
    """Yield the terms of a valid field that have a step."""
    for term in field.split(","):
        if found := _TERM.fullmatch(term):
            first, last = RANGES[name]
            if found["first"] != "*":
                first = _number(name, found["first"])
            if found["last"]:
                last = _number(name, found["last"])
            yield Step(term, first, last, int(found["step"]))


def endless_step(name: str, field: str) -> Step | None:
    """Return a step that exceeds its field, so that it names one value, or None."""
    _first, last = RANGES[name]
    for step in steps_in(name, field):
        if step.first + step.size > last:
            return step
    return None


def check_steps(name: str, field: str) -> None:
    """Raise InvalidSchedule for a step that exceeds its field."""
    if step := endless_step(name, field):
        first, last = RANGES[name]
        raise InvalidSchedule(
            f"The step of {step.term!r} reaches beyond {first}-{last}: it names {name} "
            f"{step.first} alone; write a shorter step, or '{step.first}'.",
            field="expression",
        )


def _number(name: str, text: str) -> int:
    names = _NAMES.get(name, "").split()
    return names.index(text) + RANGES[name][0] if text in names else int(text)
