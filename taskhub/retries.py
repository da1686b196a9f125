"""
How long to wait before a task that failed is tried again. Pure values.

    @task(max_attempts=5, backoff=exponential(seconds=2))
    @task(max_attempts=3, backoff=fixed(minutes=1))
    @task(max_attempts=3, backoff=lambda error, result: error.retry_after)

A backoff is any callable that takes the exception and the result, and returns a
timedelta or a number of seconds.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from taskhub.exceptions import InvalidOption

#: Takes the exception, and the result with its attempts.
Backoff = Callable[[BaseException, Any], timedelta | float]

_LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Fixed:
    """The same pause after every failure."""

    pause: timedelta

    def __call__(self, error: BaseException, result: Any) -> timedelta:
        return self.pause


@dataclass(frozen=True)
class Exponential:
    """A pause that grows from failure to failure, up to a cap."""

    first: timedelta
    factor: float
    cap: timedelta
    jitter: bool

    def __call__(self, error: BaseException, result: Any) -> timedelta:
        failures = max(1, len(result.errors))
        # Compared before it is multiplied: a power grows beyond what a timedelta holds.
        growth = min(self.factor ** min(failures - 1, 64), self.cap / self.first)
        pause = self.first * growth
        # Between half and all of it: what failed together is not tried together.
        return pause * random.uniform(0.5, 1) if self.jitter else pause  # noqa: S311


def fixed(
    *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
) -> Fixed:
    """
    Return a backoff that always pauses for so long.

    Raise InvalidOption if that is negative, or more than a year.
    """
    return Fixed(_span(seconds=seconds, minutes=minutes, hours=hours, days=days))


def exponential(
    *,
    seconds: float = 1,
    factor: float = 2,
    cap: timedelta = timedelta(hours=1),
    jitter: bool = True,
) -> Exponential:
    """
    Return a backoff that pauses for `seconds`, then for `factor` times as long.

    Never for longer than `cap`; with `jitter`, for between half and all of that.

    Raise InvalidOption for values that make no sense.
    """
    if factor < 1:
        raise InvalidOption(f"A backoff's factor is 1 or more, not {factor!r}.")
    first = _span(seconds=seconds)
    if not first:
        raise InvalidOption("A backoff that grows from 0 stays 0; use fixed().")
    if cap < first:
        raise InvalidOption(f"The cap, {cap}, is less than the first pause, {first}.")
    return Exponential(first, factor, cap, jitter)


def pause_of(backoff: Backoff, error: BaseException, result: Any) -> timedelta:
    """
    Ask a backoff for its pause, which is between nothing and a year.

    Raise TypeError if it answers with anything but a timedelta or a number.
    """
    answer = backoff(error, result)
    if isinstance(answer, bool) or not isinstance(answer, timedelta | int | float):
        raise TypeError(
            f"The backoff returned {answer!r}; expected a timedelta or seconds."
        )
    if not isinstance(answer, timedelta):
        answer = timedelta(seconds=min(answer, _LONGEST.total_seconds()))
    return min(max(answer, timedelta(0)), _LONGEST)


def _span(**parts: float) -> timedelta:
    span = timedelta(**parts)
    if not timedelta(0) <= span <= _LONGEST:
        raise InvalidOption(f"A pause is between nothing and a year, not {span}.")
    return span
