"""Options of several commands, and the types of their values."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable

from taskhub.compat import django_tasks as compat


def add_backend(parser: ArgumentParser, help_text: str) -> None:
    """Add the option --backend."""
    parser.add_argument(
        "--backend",
        default=compat.DEFAULT_TASK_BACKEND_ALIAS,
        metavar="ALIAS",
        help=help_text,
    )


def add_check(parser: ArgumentParser, what: str) -> None:
    """Add the option --check, for deployment scripts."""
    parser.add_argument(
        "--check",
        action="store_true",
        help=f"Only check whether {what} could start. The exit code is 1 if not.",
    )


#: Every database and every function of Python accepts numbers of this length.
_MAX_DIGITS = 12


def at_least_one(text: str) -> int:
    """Parse a whole number of 1 or more."""
    if text.isdecimal() and len(text) > _MAX_DIGITS:
        raise ArgumentTypeError(f"expected a number of at most {_MAX_DIGITS} digits")
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number from 1, not {text!r}")
    return int(text)


def text(given: str) -> str:
    """Return a text unchanged if it is UTF-8, as databases require."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError(f"expected UTF-8, not {given!r}") from None
    return given


def port(text: str) -> int:
    """Parse the number of a port, from 1 to 65535."""
    if not text.isdecimal() or len(text) > 8 or not 1 <= int(text) <= 65_535:
        raise ArgumentTypeError(f"expected a port from 1 to 65535, not {text!r}")
    return int(text)


def number_up_to(maximum: float) -> Callable[[str], float]:
    """Return a function that parses a number from 0 to `maximum`."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1
        # NaN is refused, too.
        if not 0 <= number <= maximum:
            raise ArgumentTypeError(
                f"expected a number from 0 to {maximum}, not {text!r}"
            )
        return number

    return parse
