"""`manage.py taskprune`: delete finished results that are not kept any longer."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from taskhub.management.options import add_backend, at_least_one
from taskhub.management.starting import check_database, find_backend
from taskhub.operations import Retention, prune


class Command(BaseCommand):
    """Prune by hand what stewards prune by themselves, or more."""

    help = (
        "Delete finished results that are not kept any longer. Workers do so by "
        "themselves, by the settings; options here say otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        add_backend(parser, "Whose settings are asked.")
        parser.add_argument(
            "--days",
            type=float,
            metavar="N",
            help="Keep successful and cancelled results for so long (keep_days).",
        )
        parser.add_argument(
            "--failed-days",
            type=float,
            metavar="N",
            help="Keep failed results for so long (keep_failed_days).",
        )
        parser.add_argument(
            "--most",
            type=at_least_one,
            metavar="N",
            help="Keep so many finished results at the most (keep_most).",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say how many there would be."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete, and say how far it is."""
        check_database()
        retention = self._retention(options)
        count = 0
        for batch in prune(retention, dry_run=options["dry_run"]):
            count += batch
            if self.stdout.isatty():
                self.stdout.write(f"\r{count:,}", ending="")
                self.stdout.flush()
        verb = "would be deleted" if options["dry_run"] else "deleted"
        self.stdout.write(f"{chr(13) if self.stdout.isatty() else ''}{count:,} {verb}.")

    def _retention(self, options: dict[str, Any]) -> Retention:
        settings = Retention.of(find_backend(options["backend"]).config)
        given = (options["days"], options["failed_days"], options["most"])
        if any(value is not None for value in given):
            return Retention(*given)
        return settings
