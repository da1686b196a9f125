"""
How long to wait before a failed task is retried: the backoffs of `@task`.

execution/retrying.py decides whether a task is retried at all.

    @task(max_attempts=5, backoff=exponential(seconds=2))
    @task(max_attempts=3, backoff=fixed(minutes=1))
    @task(max_attempts=3, backoff=lambda error, result: error.retry_after)

A backoff is any callable that takes the exception and the result, and returns a
timedelta or a number of seconds. `result.failures` counts the failures so far, this
one included. `result.errors` has their errors, and also those that do not count.
"""

import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from taskhub.exceptions import InvalidOption, WorkerDied

#: A callable that takes the exception and the result.
Backoff = Callable[[BaseException, Any], timedelta | float]

#: The `exception_class_path` of an attempt that ended because its process died.
WORKER_DIED = f"{WorkerDied.__module__}.{WorkerDied.__qualname__}"

MAX_PAUSE = timedelta(days=366)


def is_death(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of `TaskResult.errors` says that the worker process died."""
    return entry.get("exception_class_path") == WORKER_DIED


def counts_as_failure(entry: Mapping[str, Any]) -> bool:
    """
    Whether an entry of `TaskResult.errors` counts towards `max_attempts`.

    It does not if the process died, or an operator has retried the result since.
    """
    return not (entry.get("before_retry") or is_death(entry))


def count_failures(errors: Iterable[Mapping[str, Any]]) -> int:
    """Count the entries of `TaskResult.errors` that count towards `max_attempts`."""
    return sum(map(counts_as_failure, errors))


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
        try:
            growth: float = float(self.factor) ** (max(1, result.failures) - 1)
        except OverflowError:
            growth = math.inf
        # Compare before multiplying: the product may exceed what a timedelta holds.
        pause = self.first * min(growth, self.cap / self.first)
        # At random, so that tasks that failed together are not retried together.
        return pause * random.uniform(0.5, 1) if self.jitter else pause  # noqa: S311


def fixed(
    *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
) -> Fixed:
    """
    Return a backoff with the same pause each time.

    Raise InvalidOption if the pause is negative, or longer than a year.
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

    No pause is longer than `cap`. With `jitter`, each pause is random, between half of
    this time and all of it. Raise InvalidOption for invalid values.
    """
    if not 1 <= factor < math.inf:
        raise InvalidOption(f"A backoff's factor is a number from 1, not {factor!r}.")
    first = _span(seconds=seconds)
    if not first:
        raise InvalidOption("An exponential backoff cannot start at 0; use fixed().")
    if cap < first:
        raise InvalidOption(f"The cap, {cap}, is less than the first pause, {first}.")
    return Exponential(first, factor, cap, jitter)


def pause_of(backoff: Backoff, error: BaseException, result: Any) -> timedelta:
    """
    Return the pause of a backoff, between 0 and a year.

    Raise TypeError if the backoff does not return a timedelta or a number.
    """
    answer = backoff(error, result)
    if isinstance(answer, bool) or not isinstance(answer, timedelta | int | float):
        raise TypeError(
            f"The backoff returned {answer!r}; expected a timedelta or seconds."
        )
    if answer != answer:
        raise TypeError("The backoff returned NaN; expected a timedelta or seconds.")
    return bounded(answer)


def bounded(pause: timedelta | float) -> timedelta:
    """Return the nearest pause between 0 and a year. Raise ValueError for NaN."""
    if not isinstance(pause, timedelta):
        pause = timedelta(seconds=min(max(pause, 0), MAX_PAUSE.total_seconds()))
    return min(max(pause, timedelta(0)), MAX_PAUSE)


def _span(**parts: float) -> timedelta:
    try:
        span = timedelta(**parts)
    except (ValueError, OverflowError) as error:
        given = ", ".join(f"{name}={value!r}" for name, value in parts.items())
        raise InvalidOption(f"{given} is not a duration: {error}.") from error
    if not timedelta(0) <= span <= MAX_PAUSE:
        raise InvalidOption(f"A pause is between 0 and a year, not {span}.")
    return span
