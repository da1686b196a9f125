"""Nouns and verbs of the command line, and their reports."""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Model

from taskhub.foundation.nearest import did_you_mean
from taskhub.management.options import text

Options = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """
    The outcome of a verb: a sentence, facts for programs, and the changed rows.

    `errors` has a sentence for each row that could not be changed.
    """

    message: str
    facts: dict[str, Any] = field(default_factory=dict)
    rows: Sequence[Model] = ()
    errors: Sequence[str] = ()


class _NounParser(CommandParser):
    """The parser of a noun. It suggests the nearest verb for an unknown verb."""

    verbs: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.verbs:
            self.error(
                f"There is no verb {args[0]!r}{did_you_mean(args[0], self.verbs)}"
            )
        return super().parse_known_args(args, namespace)


class Noun:
    """Adds the verbs of one noun."""

    def __init__(self, parser: _NounParser) -> None:
        self._parser = parser
        self._verbs = parser.add_subparsers(
            dest="verb", metavar="VERB", required=True, parser_class=CommandParser
        )

    def add_verb(
        self,
        verb: str,
        run: Callable[[Options], Report],
        names: Sequence[tuple[str, str]],
        help: str,
        *,
        reason: str = "",
    ) -> ArgumentParser:
        """
        Add a verb, and return its parser for further options.

        `run` does the work, and raises TaskHubError or CommandError if it fails.
        `names` gives the destination and the metavar of each positional argument; with
        "…" at the end of the metavar, the argument takes one or more values. `reason`
        says where --reason is kept: in the "row", or in the admin's "history" only. By
        default, the verb has no --reason.
        """
        parser: ArgumentParser = self._verbs.add_parser(
            verb, help=help, description=help
        )
        parser.set_defaults(run=run, reason="", reason_is_kept=reason == "row")
        for dest, metavar in names:
            many: dict[str, Any] = {"nargs": "+"} if metavar.endswith("…") else {}
            parser.add_argument(dest, metavar=metavar.rstrip("…"), type=text, **many)
        if reason:
            parser.add_argument(
                "--reason",
                type=text,
                metavar="TEXT",
                help="Why. Needs --by, unless the row itself keeps the reason.",
            )
        parser.add_argument(
            "--by",
            type=text,
            default="",
            metavar="USERNAME",
            help="The user whose name is written into the admin's history.",
        )
        parser.add_argument("--json", action="store_true", help="Print JSON.")
        self._parser.verbs = [*self._parser.verbs, verb]
        return parser


class Nouns:
    """Adds the nouns of a command."""

    def __init__(self, parser: CommandParser) -> None:
        self._nouns = parser.add_subparsers(
            dest="noun", metavar="NOUN", required=True, parser_class=_NounParser
        )

    def add_noun(self, noun: str, help: str) -> Noun:
        """Add a noun, and return the object that adds its verbs."""
        return Noun(self._nouns.add_parser(noun, help=help, description=help))


def confirm(options: Options, question: str) -> None:
    """
    Ask for confirmation on the terminal, unless --no-input is given.

    Raise CommandError if the answer is not yes, or if --json is given.
    """
    if options["no_input"]:
        return
    if options["json"]:
        raise CommandError("This asks for confirmation; with --json, give --no-input.")
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        # There is no terminal.
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was done.")
