"""One thing that can be done from the command line, and what is told of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Model

Options = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What was done: in words, in numbers for programs, and to which rows."""

    said: str
    facts: dict[str, Any] = field(default_factory=dict)
    rows: Sequence[Model] = ()


@dataclass(frozen=True)
class Control:
    """One thing that can be done. `do` raises TaskHubError if it cannot be."""

    #: What its names are, such as "QUEUE TARGET"; of the last, "…" means one or more.
    takes: str
    help: str
    do: Callable[[list[str], Options], Told]
    #: The options that go with it.
    options: tuple[str, ...] = ()
    #: Whether its rows keep the reason; if not, it is only written into the history.
    keeps_reason: bool = False
    #: How much it would be done to, if somebody is to be asked before.
    count: Callable[[list[str], Options], int] | None = None

    def check(self, verb: str, names: Sequence[str]) -> None:
        """Raise CommandError if there are too few names, or too many."""
        takes = self.takes.split()
        many = takes[-1].endswith("…")
        if len(names) < len(takes) or (len(names) > len(takes) and not many):
            raise CommandError(f"Expected: taskcontrol {verb} {self.takes}")
