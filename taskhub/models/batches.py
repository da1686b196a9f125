"""
Batches of rows that are small enough for one statement.

MariaDB and MySQL refuse a statement above `max_allowed_packet`, 16 MiB on MariaDB, and
close the connection.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models.base import ModelState

T = TypeVar("T")

#: Quoting doubles JSON at most, and the smallest limit of a server is probably 1 MiB.
MAX_CHARACTERS = 512 * 1024
MAX_ROWS = 1_000
#: How many characters to count for a value of a small type.
_SMALL_CHARACTERS = 40
_SMALL_TYPES = {type(None), bool, float, datetime, timedelta, UUID, ModelState}


def estimate(row: Any) -> int:
    """Return about how many characters an instance of a model has."""
    size = 0
    for value in vars(row).values():
        # A fast path for most values: this runs for each task that ends.
        size += _SMALL_CHARACTERS if type(value) in _SMALL_TYPES else _size_of(value)
    return size


def batches_of(
    rows: Iterable[T], size_of: Callable[[T], int] = estimate
) -> Iterator[list[T]]:
    """
    Yield instances of models in their order, as many as a statement may have.

    One that exceeds the limit is yielded alone.
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
