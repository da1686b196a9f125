"""The report of a scenario: its counts, and the promises that were not kept."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

_PATIENCE = 4


@dataclass
class Report:
    """The counts of one scenario."""

    tasks: int = 0
    #: Injected faults: kills, stops, wipes, invalid messages and others.
    faults: int = 0
    #: Results that did not finish as they should have, or whose task left no trace.
    lost: int = 0
    #: Executions beyond the first of each result.
    extra: int = 0
    #: How many extra runs are allowed: the tasks in flight at the kills.
    bound: int = 0
    #: Outcomes beyond the first of each result.
    double: int = 0
    #: The longest time until work resumed, and the bound for it.
    seconds: float | None = None
    most_seconds: float | None = None
    #: Other counts, in words.
    notes: list[str] = field(default_factory=list)
    #: Further promises of the scenario that were not kept.
    broken: list[str] = field(default_factory=list)

    def expect(self, kept: object, promise: str) -> None:
        """Check one more promise."""
        if not kept:
            self.broken.append(promise)

    def took(self, seconds: float, *, most: float) -> None:
        """Record the seconds until work resumed. The worst, by its bound, counts."""
        if (
            self.seconds is None
            or self.most_seconds is None
            or seconds / most > self.seconds / self.most_seconds
        ):
            self.seconds, self.most_seconds = seconds, most

    def be_patient(self) -> None:
        """
        Allow several times as many seconds.

        At small scale, a scenario runs beside other tests on a shared machine, so the
        bound only finds work that never resumes. At full scale, the bound is exact.
        """
        if self.most_seconds is not None:
            self.most_seconds *= _PATIENCE

    @property
    def complaints(self) -> list[str]:
        """The promises that were not kept, or none."""
        late = (
            self.seconds is not None
            and self.most_seconds is not None
            and self.seconds > self.most_seconds
        )
        return [
            *([f"{self.lost} lost"] if self.lost else []),
            *([f"{self.double} double results"] if self.double else []),
            *([self._runs] if self.extra > self.bound else []),
            *([f"{self.seconds:.1f} s is too late"] if late else []),
            *self.broken,
        ]

    @property
    def _runs(self) -> str:
        return f"{self.extra} extra runs, {self.bound} in flight"

    @property
    def measured(self) -> str:
        """The measured values in one line."""
        parts = [f"{self.lost} of {self.tasks:,} lost"] if self.tasks else []
        if self.extra or self.bound:
            parts.append(self._runs)
        elif self.tasks:
            parts.append("none run twice")
        if self.double:
            parts.append(f"{self.double} double results")
        if self.seconds is not None:
            parts.append(f"{self.seconds:.1f} s")
        return "; ".join([*parts, *self.notes])

    def as_dict(self) -> dict[str, Any]:
        """Return all values, for JSON."""
        return asdict(self) | {"complaints": self.complaints}


class Play(Protocol):
    """The function of a scenario: runs on a stage and returns a report."""

    def __call__(self, stage: Any) -> Report: ...


@dataclass(frozen=True)
class Scenario:
    """One fault, or several related ones, and the promises that must hold."""

    name: str
    required: str
    play: Play
    #: Whether it takes too long to run with the tests.
    full_only: bool
    #: Raises ServerMissing if something besides Redis and PostgreSQL is missing.
    needs: Callable[[], object] | None


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *,
    required: str,
    full_only: bool = False,
    needs: Callable[[], object] | None = None,
) -> Callable[[Play], Play]:
    """Register a function as the scenario of its name."""

    def register(play: Play) -> Play:
        name = getattr(play, "__name__", "")
        SCENARIOS[name] = Scenario(name, required, play, full_only, needs)
        return play

    return register


def chosen(names: Iterable[str], *, full: bool) -> list[Scenario]:
    """Return scenarios by name; without names, all that the scale allows."""
    if wanted := list(names):
        return [SCENARIOS[name] for name in wanted]
    return [each for each in SCENARIOS.values() if full or not each.full_only]
