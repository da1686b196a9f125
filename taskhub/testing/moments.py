"""Moments as tests write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone


def read(moment: datetime | str, tz: str | None) -> datetime:
    """
    Return a moment in UTC; see TaskHub.at().

    Raise ValueError for text that is not a time, for an unknown time zone, and for a
    time zone beside an offset.
    """
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise ValueError(
                f"{moment!r} is not a time; expected for example '2027-03-28 02:30'."
            ) from None
    if moment.tzinfo is not None:
        if tz is not None:
            raise ValueError(f"{moment} has an offset; leave tz={tz!r} out.")
        return moment.astimezone(UTC)
    return moment.replace(tzinfo=_zone(tz)).astimezone(UTC)


def _zone(name: str | None) -> ZoneInfo:
    if name is None:
        return ZoneInfo(timezone.get_current_timezone_name())
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(
            f"{name!r} is not a time zone; expected for example 'Europe/Berlin'."
        ) from None
