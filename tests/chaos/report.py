"""What came of a scenario, and whether that was as promised."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

_PATIENCE = 4


@dataclass
class Report:
    """What was counted in one scenario."""

    tasks: int = 0
    #: Kills, stops, wipes, messages that are none: whatever was injected.
    faults: int = 0
    #: Results that did not finish as they should have, or whose task left no trace.
    lost: int = 0
    #: Executions beyond the first of each result.
    extra: int = 0
    #: How many of those there may be: what was under way at the kills.
    bound: int = 0
    #: Outcomes beyond the first of each result.
    double: int = 0
    #: The longest that it took to go on, and may take.
    seconds: float | None = None
    most_seconds: float | None = None
    #: What was counted besides, for people.
    notes: list[str] = field(default_factory=list)
    #: Promises of the scenario's own that were not kept.
    broken: list[str] = field(default_factory=list)

    def expect(self, kept: object, promise: str) -> None:
        """Check one more promise."""
        if not kept:
            self.broken.append(promise)

    def took(self, seconds: float, *, most: float) -> None:
        """Note how long it took to go on; the longest counts, against its own bound."""
        self.most_seconds = most
        self.seconds = max(seconds, self.seconds or 0.0)

    def be_patient(self) -> None:
        """
        Allow several times as long.

        In little, a scenario is played beside other tests, on a machine that others
        use, too: there only what never comes is late. At full scale bounds are kept.
        """
        if self.most_seconds is not None:
            self.most_seconds *= _PATIENCE

    @property
    def complaints(self) -> list[str]:
        """Say what was not kept; nothing, if all was."""
        late = (
            self.seconds is not None
            and self.most_seconds is not None
            and self.seconds > self.most_seconds
        )
        return [
            *([f"{self.lost} lost"] if self.lost else []),
            *([f"{self.double} double results"] if self.double else []),
            *([f"{self.extra} extra runs"] if self.extra > self.bound else []),
            *([f"{self.seconds:.1f} s is too late"] if late else []),
            *self.broken,
        ]

    @property
    def measured(self) -> str:
        """Tell what was measured in one line."""
        parts = [f"{self.lost} of {self.tasks:,} lost"] if self.tasks else []
        if self.extra or self.bound:
            parts.append(f"{self.extra} extra runs, {self.bound} in flight")
        elif self.tasks:
            parts.append("none run twice")
        if self.double:
            parts.append(f"{self.double} double results")
        if self.seconds is not None:
            parts.append(f"{self.seconds:.1f} s")
        return "; ".join([*parts, *self.notes])

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, for machines."""
        return asdict(self) | {"complaints": self.complaints}


class Play(Protocol):
    """A scenario's function: given a stage, it plays, and reports."""

    def __call__(self, stage: Any) -> Report: ...


@dataclass(frozen=True)
class Scenario:
    """One fault, or several that belong together, and what is promised under it."""

    name: str
    required: str
    play: Play
    #: Too long for the selection that is run with the tests.
    full_only: bool
    #: What has to be there besides Redis and PostgreSQL.
    needs: Callable[[], object] | None

    @property
    def title(self) -> str:
        """The first line of its docstring."""
        return (self.play.__doc__ or self.name).strip().splitlines()[0].rstrip(".")


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
    """Return scenarios by name; or all of them, but for those that take too long."""
    if wanted := list(names):
        return [SCENARIOS[name] for name in wanted]
    return [each for each in SCENARIOS.values() if full or not each.full_only]
