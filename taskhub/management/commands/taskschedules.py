"""`manage.py taskschedules`: write declared schedules into the table."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from taskhub.management.startup import check_database
from taskhub.operations.schedules import synchronise


class Command(BaseCommand):
    """Synchronise declared schedules, as `migrate` does at its end."""

    help = "Write the schedules that the code declares with @periodic into the table."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="Only show differences. The exit code is 1 if there are any.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        check_database()
        only_check = options["check"]
        done = synchronise(write=not only_check)
        for word in ("created", "updated", "disabled"):
            for name in getattr(done, word):
                self.stdout.write(f"{'to be ' if only_check else ''}{word}: {name}")
        if done.faults:
            lines = [f"{name}: {fault}" for name, fault in done.faults.items()]
            raise CommandError("\n".join(lines))
        if only_check and (done.created or done.updated or done.disabled):
            raise CommandError("The table differs from the code; run migrate.")
