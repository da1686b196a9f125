"""
The clock of this process, which a test may set.

It decides what is enqueued when, what is due or expired, and which ticks are due. Times
that are measured, such as the start and the end of a run, are not changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_set_time: ContextVar[datetime | None] = ContextVar("taskhub.set_time", default=None)


def utc_now() -> datetime:
    """Return the current time, or the time that clock_set_to() has set."""
    return _set_time.get() or datetime.now(UTC)


def is_set() -> bool:
    """Whether the time is set, and so does not pass."""
    return _set_time.get() is not None


@contextmanager
def clock_set_to(moment: datetime) -> Iterator[None]:
    """Set the time in this block, for this context and copies of it."""
    reset = _set_time.set(moment)
    try:
        yield
    finally:
        _set_time.reset(reset)
