"""What was found in a project, and what becomes of it."""

from collections import Counter
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What becomes of a use of Celery."""

    #: It works when the import line is changed.
    MOVES = "moves"
    #: It works, and something about it should be known or is not needed any more.
    NOTE = "note"
    #: It has to be written in another way.
    HAND = "hand"


class Finding(msgspec.Struct, frozen=True):
    """One use of Celery in a file of the project."""

    path: str
    line: int
    #: The use, such as "rate_limit= of a task".
    what: str
    verdict: Verdict
    #: What to write instead, or to know; "" for what moves.
    advice: str = ""


class Report(msgspec.Struct):
    """Everything that was found."""

    findings: list[Finding] = []
    #: Files that could not be read, with the reason.
    unreadable: dict[str, str] = {}
    files: int = 0
    tasks: int = 0

    def with_verdict(self, verdict: Verdict) -> list[Finding]:
        """Return the findings with a verdict, in the order of files and lines."""
        return [each for each in self.findings if each.verdict is verdict]

    @property
    def moving(self) -> Counter[str]:
        """How often each use occurs that moves."""
        return Counter(each.what for each in self.with_verdict(Verdict.MOVES))
