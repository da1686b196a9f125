"""
Batches of rows, each small enough for one statement.

MariaDB and MySQL refuse a statement above `max_allowed_packet`, 16 MiB on MariaDB, and
end the connection.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models.base import ModelState

T = TypeVar("T")

#: Of what rows hold, in characters. Quoted, JSON may take twice as much, and other text
#: up to 14 times: the smallest packet that a server is likely to take is 1 MiB.
MAX_SIZE = 512 * 1024
MAX_ROWS = 1_000
#: What counts as so many characters, and of which types.
_FIXED = 40
_SMALL = {type(None), bool, float, datetime, timedelta, UUID, ModelState}


def estimate(row: Any) -> int:
    """Return about how many characters a model's instance holds."""
    size = 0
    for value in vars(row).values():
        # Most are small and of a fixed size, and each task that ends is looked at.
        size += _FIXED if type(value) in _SMALL else _size_of(value)
    return size


def batches_of(
    rows: Iterable[T], size_of: Callable[[T], int] = estimate
) -> Iterator[list[T]]:
    """
    Yield instances of models in their order, as many at a time as a statement may take.

    One that is too large by itself comes alone.
    """
    batch: list[T] = []
    size = 0
    for row in rows:
        more = size_of(row)
        if batch and (size + more > MAX_SIZE or len(batch) == MAX_ROWS):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += more
    if batch:
        yield batch


def _size_of(value: Any) -> int:
    """Return about how many characters a value takes."""
    match value:
        case str() | bytes():
            return len(value)
        case dict():
            return sum(map(_size_of, value)) + sum(map(_size_of, value.values()))
        case list() | tuple():
            return sum(map(_size_of, value))
        case bool() | int() if -(2**63) < value < 2**63:
            return 20
        case int():
            return value.bit_length() // 3
    return _FIXED
