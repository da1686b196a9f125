"""
Batches of rows that are small enough for one statement.

MariaDB and MySQL close the connection at a statement above `max_allowed_packet`.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models.base import ModelState

T = TypeVar("T")

#: The lowest limit of a server is probably 1 MiB, and quoting at most doubles JSON.
MAX_CHARACTERS = 512 * 1024
MAX_ROWS = 1_000
#: The estimate for a value of one of _SMALL_TYPES.
_SMALL_CHARACTERS = 40
_SMALL_TYPES = {type(None), bool, float, datetime, timedelta, UUID, ModelState}


def estimate(row: Any) -> int:
    """Return about how many characters a row has in a statement."""
    size = 0
    for value in vars(row).values():
        # A fast path for most values: this runs for each task that ends.
        size += _SMALL_CHARACTERS if type(value) in _SMALL_TYPES else _size_of(value)
    return size


def batches_of(
    rows: Iterable[T], size_of: Callable[[T], int] = estimate
) -> Iterator[list[T]]:
    """
    Yield the rows in order, in batches of at most MAX_ROWS and MAX_CHARACTERS.

    A row that is larger, by `size_of`, is a batch of its own.
    """
    batch: list[T] = []
    size = 0
    for row in rows:
        more = size_of(row)
        if batch and (size + more > MAX_CHARACTERS or len(batch) == MAX_ROWS):
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
    return _SMALL_CHARACTERS
