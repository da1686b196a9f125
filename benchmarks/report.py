"""Figures and series: measured values and their targets."""

import statistics
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from benchmarks.stage import Stage

#: For a figure that would otherwise look like its target.
_MOST_DIGITS = 9


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured quantity, with a value for each round."""

    name: str
    unit: str
    rounds: list[float]
    #: The target, a lower or an upper bound. Without both, there is no target.
    at_least: float | None = None
    at_most: float | None = None
    #: Without a target: the value of the machine for which the targets were chosen.
    elsewhere: float | None = None

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def target(self) -> str:
        """The target in words, or the rate on the other machine."""
        if self.at_least is not None:
            return f"≥ {tell(self.at_least)} {self.unit}"
        if self.at_most is not None:
            return f"≤ {tell(self.at_most)} {self.unit}"
        if self.elsewhere is not None:
            return f"other machine: {tell(self.elsewhere)} {self.unit}"
        return ""

    @property
    def told(self) -> str:
        """The median in words, with enough digits to show that it misses its target."""
        bound = self.at_most if self.at_least is None else self.at_least
        digits = 3
        if bound is not None and not self.is_reached:
            while digits < _MOST_DIGITS and tell(self.value, digits) == tell(
                bound, digits
            ):
                digits += 1
        return f"{tell(self.value, digits)} {self.unit}"

    @property
    def is_reached(self) -> bool:
        """Whether the median meets the target; true if there is none."""
        if self.at_least is not None and self.value < self.at_least:
            return False
        return self.at_most is None or self.value <= self.at_most


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """How one quantity changes with another: a line of a plot."""

    name: str
    x_name: str
    y_name: str
    #: The quantity on the x axis, and the median on the y axis.
    points: list[tuple[float, float]]


Measured = Figure | Series
Measure = Callable[["Stage"], Iterable[Measured]]

MEASURES: dict[str, Measure] = {}


def measure(function: Measure) -> Measure:
    """Register a function that measures something on a stage."""
    MEASURES[function.__name__] = function
    return function


def tell(value: float, digits: int = 3) -> str:
    """Return a number as text, with its significant digits."""
    if abs(value) >= 100:
        return f"{value:,.{digits - 3}f}"
    return f"{value:.{digits}g}"
