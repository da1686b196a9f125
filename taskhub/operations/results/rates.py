"""Bounds of the rate at which retries are spread over time."""

from taskhub.exceptions import InvalidOption

#: In results per second. A lower rate would spread many results over years.
MIN_RATE, MAX_RATE = 0.001, 1_000_000


def check_rate(per_second: float | None, name: str = "per_second") -> None:
    """Raise InvalidOption if a rate is out of bounds; `name` is the option's name."""
    # NaN is out of bounds, too.
    if per_second is not None and not MIN_RATE <= per_second <= MAX_RATE:
        raise InvalidOption(
            f"Expected {name} from {MIN_RATE} to {MAX_RATE:,}, not {per_second}."
        )
