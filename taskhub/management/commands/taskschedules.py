"""`manage.py taskschedules`: bring declared schedules into the table."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from taskhub.management.startup import check_database
from taskhub.operations.schedules import synchronise


class Command(BaseCommand):
    """Do what `migrate` does at its end."""

    help = "Bring the schedules that the code declares with @periodic into the table."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="Only say what differs, and end with 1 if anything does.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Synchronise, and say what was done."""
        check_database()
        only_check = options["check"]
        done = synchronise(write=not only_check)
        for word in ("created", "updated", "removed"):
            for name in getattr(done, word):
                self.stdout.write(f"{'to be ' if only_check else ''}{word}: {name}")
        if done.faults:
            lines = [f"{name}: {fault}" for name, fault in done.faults.items()]
            raise CommandError("\n".join(lines))
        if only_check and (done.created or done.updated or done.removed):
            raise CommandError("The table differs from the code; run migrate.")
