"""What takes long to find out, remembered for a while."""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """
    Answers by what they are about, each for so many seconds, in this process.

    Two threads that ask at once may both find out; nothing else comes of it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._answers: dict[Hashable, tuple[T, float]] = {}

    def get(self, about: Hashable) -> T | None:
        """Return the answer; None if there is none, or it is too old."""
        answer, until = self._answers.get(about, (None, 0.0))
        return answer if monotonic() < until else None

    def keep(self, about: Hashable, answer: T) -> T:
        """Remember an answer, and return it."""
        self._answers[about] = answer, monotonic() + self._seconds
        return answer

    def get_or_find(self, about: Hashable, find: Callable[[], T]) -> T:
        """Return the answer, and find it out first if it is not known."""
        answer = self.get(about)
        return self.keep(about, find()) if answer is None else answer

    def forget(self, about: Hashable) -> None:
        """Remember it no longer."""
        self._answers.pop(about, None)
