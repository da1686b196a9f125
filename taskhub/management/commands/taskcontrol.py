"""`manage.py taskcontrol`: the actions of the admin for the shell."""

import getpass
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from taskhub.exceptions import TaskHubError
from taskhub.management.control import Nouns, Report, nodes, queues, results, schedules
from taskhub.management.control.history import find_user, write_history
from taskhub.management.startup import check_database


class Command(BaseCommand):
    """Run one verb on queues, nodes, results or schedules."""

    help = "Act on queues, nodes, results and schedules: taskcontrol NOUN VERB NAME."

    def add_arguments(self, parser: CommandParser) -> None:
        nouns = Nouns(parser)
        for noun in (queues, nodes, results, schedules):
            noun.add_verbs(nouns)

    def handle(self, *args: Any, **options: Any) -> None:
        check_database()
        user = find_user(options["by"]) if options["by"] else None
        if options["reason"] and not (user or options["reason_is_kept"]):
            raise CommandError(
                "--reason is written into the admin's history; name its user with --by."
            )
        options["who"] = options["by"] or _login()
        try:
            report = options["run"](options)
        except TaskHubError as error:
            raise CommandError(str(error)) from error
        if user is not None:
            note = f"{report.message} {options['reason']}".strip()
            write_history(user, report.rows, note)
        self._print(report, options)
        if report.errors:
            raise CommandError("\n".join(report.errors))

    def _print(self, report: Report, options: dict[str, Any]) -> None:
        if options["json"]:
            command = {"noun": options["noun"], "verb": options["verb"]}
            facts = {**command, "message": report.message, **report.facts}
            if report.errors:
                facts["errors"] = list(report.errors)
            self.stdout.write(msgspec.json.encode(facts).decode())
        else:
            self.stdout.write(report.message)


def _login() -> str:
    """Return the login name, or "" in a container whose user has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
