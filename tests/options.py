"""Options of commands that run a choice of scenarios or measures."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Collection


def add_choice(parser: ArgumentParser, option: str, known: Collection[str]) -> None:
    """Add an option that takes some of the known names; an empty list means all."""
    parser.add_argument(
        option,
        type=_some_of(known),
        default=[],
        metavar="A,B",
        help=f"All by default: {', '.join(known)}.",
    )


def _some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise ArgumentTypeError(f"no {unknown[0]!r}; there are {', '.join(known)}")
        return names

    return read
