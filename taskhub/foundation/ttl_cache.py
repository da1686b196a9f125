"""A cache of values that take long to compute."""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class TTLCache(Generic[T]):
    """Values by key, kept for `seconds`; two threads may compute the same value."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[Hashable, tuple[T, float]] = {}

    def get(self, key: Hashable) -> T | None:
        """Return the value of a key; None if it is missing or too old."""
        value, expires_at = self._entries.get(key, (None, 0.0))
        return value if monotonic() < expires_at else None

    def set(self, key: Hashable, value: T) -> T:
        """Keep a value, and return it."""
        self._entries[key] = value, monotonic() + self._seconds
        return value

    def get_or_set(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return the value of a key; call `find` if the value is missing or too old."""
        value = self.get(key)
        return self.set(key, find()) if value is None else value
