"""`manage.py taskcontrol`: what the admin's buttons do, for the shell."""

import getpass
from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from taskhub.compat import django_tasks as compat
from taskhub.exceptions import TaskHubError
from taskhub.foundation.nearest import did_you_mean
from taskhub.management.control import CONTROLS, Control, Told
from taskhub.management.control.history import find_user, write_history
from taskhub.management.options import text
from taskhub.management.starting import check_database
from taskhub.operations.results.rates import check_rate

#: What each option is when nobody gives it, for telling what was given.
_DEFAULTS: dict[str, Any] = {
    "backend": compat.DEFAULT_TASK_BACKEND_ALIAS,
    "to_backend": "",
    "task": "",
    "reason": "",
    "by_force": False,
    "per_second": None,
    "no_input": False,
}


class Command(BaseCommand):
    """Do one thing to queues, nodes or results, and say what came of it."""

    help = (
        "Act on queues, nodes and results: "
        + "; ".join(f"{verb} {each.takes}" for verb, each in CONTROLS.items())
        + "."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        parser.set_defaults(**_DEFAULTS)
        parser.add_argument("verb", metavar="VERB", help=", ".join(CONTROLS))
        parser.add_argument(
            "names",
            nargs="+",
            type=text,
            metavar="NAME",
            help="What it is done to.",
        )
        parser.add_argument("--backend", metavar="ALIAS", help="Whose queue it is.")
        parser.add_argument(
            "--to-backend", metavar="ALIAS", help="Whose the queue to move to is."
        )
        parser.add_argument(
            "--task",
            type=text,
            metavar="PATH",
            help="Move only what is of this task.",
        )
        parser.add_argument(
            "--by-force",
            action="store_true",
            help="Replace the processes that run what is cancelled.",
        )
        parser.add_argument(
            "--per-second",
            type=float,
            metavar="N",
            help="Spread what is tried again over time.",
        )
        parser.add_argument(
            "--reason",
            type=text,
            metavar="TEXT",
            help="Why, for whoever wonders later. Paused queues and cancelled results "
            "keep it; for the rest, --by is needed.",
        )
        parser.add_argument(
            "--by",
            type=text,
            default="",
            metavar="USERNAME",
            help="Who asks: it is written into the admin's history.",
        )
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_true",
            help="Purge without asking.",
        )
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what is meant, do it, and say what was done."""
        check_database()
        verb, names = options["verb"], options["names"]
        control = self._find(verb)
        control.check(verb, names)
        user = find_user(options["by"]) if options["by"] else None
        options["who"] = options["by"] or _login()
        try:
            self._check_options(verb, control, options)
            if not self._may_go_on(verb, control, names, options):
                raise CommandError("Nothing was done.")
            told = control.do(names, options)
        except TaskHubError as error:
            raise CommandError(str(error)) from error
        if user is not None:
            note = f"{told.said} {options['reason']}".strip()
            write_history(user, told.rows, note)
        self._tell(verb, names, told, as_json=options["json"])

    def _find(self, verb: str) -> Control:
        if verb not in CONTROLS:
            raise CommandError(f"{verb!r} cannot be done{did_you_mean(verb, CONTROLS)}")
        return CONTROLS[verb]

    def _check_options(
        self, verb: str, control: Control, options: dict[str, Any]
    ) -> None:
        for name, default in _DEFAULTS.items():
            if options[name] != default and name not in control.options:
                option = f"--{name.replace('_', '-')}"
                raise CommandError(f"{option} does not go with {verb}.")
        if options["reason"] and not (options["by"] or control.keeps_reason):
            raise CommandError(
                f"--reason of {verb} is written into the history only; say with --by "
                "whose it is."
            )
        check_rate(options["per_second"], "--per-second")

    def _may_go_on(
        self, verb: str, control: Control, names: list[str], options: dict[str, Any]
    ) -> bool:
        if control.count is None or options["no_input"]:
            return True
        if options["json"]:
            raise CommandError(f"{verb} asks first; with --json, give --no-input.")
        count = control.count(names, options)
        try:
            answer = input(f"{verb} {names[0]}: {count:,} wait there. Go on? [y/N] ")
        except EOFError:
            # Nobody is there to be asked.
            return False
        return answer.strip().lower() in ("y", "yes")

    def _tell(self, verb: str, names: list[str], told: Told, *, as_json: bool) -> None:
        if as_json:
            facts = {"verb": verb, "names": names, "said": told.said, **told.facts}
            self.stdout.write(msgspec.json.encode(facts).decode())
        else:
            self.stdout.write(told.said)


def _login() -> str:
    """Return who is at the shell; nobody in a container that knows no names."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
