"""Ids that increase with time: UUIDv7 (RFC 9562), monotonic within a process."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> UUID:
    """Return a new id, higher than every earlier one of this process."""
    return uuid7()


def first_id_at(moment: datetime) -> UUID:
    """Return the lowest id of an aware datetime, to select rows by the primary key."""
    milliseconds = max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
    version_and_variant = (0x7 << 76) | (0x2 << 62)
    return UUID(int=(milliseconds << 80) | version_and_variant)


def ids_in(value: object) -> list[UUID]:
    """Return the ids in a list that was read from JSON; skip other values."""
    # SQL may have written anything.
    if not isinstance(value, list):
        return []
    return [pk for each in value if (pk := _as_id(each)) is not None]


def _as_id(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
