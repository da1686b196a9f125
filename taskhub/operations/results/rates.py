"""How fast what is done to many results may be spread over time."""

from taskhub.exceptions import InvalidOption

#: Results a second. With less, the last of many would never be due.
MIN_RATE, MAX_RATE = 0.001, 1_000_000


def check_rate(per_second: float | None, name: str = "per_second") -> None:
    """Raise InvalidOption, with this name, for a rate that is out of bounds."""
    # Written so that it is true of NaN.
    if per_second is not None and not MIN_RATE <= per_second <= MAX_RATE:
        raise InvalidOption(f"{name} is a number from {MIN_RATE} to {MAX_RATE:,}.")
