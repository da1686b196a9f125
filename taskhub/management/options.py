"""Options that several commands take."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable

from taskhub.compat import django_tasks as compat


def add_backend(parser: ArgumentParser, help_text: str) -> None:
    """Add --backend, the default one if it is not given."""
    parser.add_argument(
        "--backend",
        default=compat.DEFAULT_TASK_BACKEND_ALIAS,
        metavar="ALIAS",
        help=help_text,
    )


def add_check(parser: ArgumentParser, what: str) -> None:
    """Add --check, for deploys to see that something would start."""
    parser.add_argument(
        "--check",
        action="store_true",
        help=f"Only say whether {what} could start, by the exit code.",
    )


#: What every database and every part of Python takes.
_MAX_DIGITS = 12


def at_least_one(text: str) -> int:
    """Read an option's whole number from 1."""
    if text.isdecimal() and len(text) > _MAX_DIGITS:
        raise ArgumentTypeError(f"expected a number of at most {_MAX_DIGITS} digits")
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number from 1, not {text!r}")
    return int(text)


def text(given: str) -> str:
    """Read an option's text, which no database takes unless it is UTF-8."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError(f"expected UTF-8, not {given!r}") from None
    return given


def port(text: str) -> int:
    """Read an option's port."""
    if not text.isdecimal() or len(text) > 8 or not 1 <= int(text) <= 65_535:
        raise ArgumentTypeError(f"expected a port from 1 to 65535, not {text!r}")
    return int(text)


def number_up_to(most: float) -> Callable[[str], float]:
    """Return what reads an option's number from 0 to `most`."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1
        # Written so that it is not true of NaN.
        if not 0 <= number <= most:
            raise ArgumentTypeError(f"expected a number from 0 to {most}, not {text!r}")
        return number

    return read
