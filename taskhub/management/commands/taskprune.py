"""`manage.py taskprune`: delete finished results that are not kept any longer."""

from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand

from taskhub.discarding import forget_queries
from taskhub.management.options import add_backend, at_least_one, number_up_to
from taskhub.management.startup import check_database, find_backend
from taskhub.operations.pruning import Retention, describe_kept, prune

#: As much as the settings allow.
_days = number_up_to(36_600)


class Command(BaseCommand):
    """Prune by hand what stewards prune by themselves, or more."""

    help = (
        "Delete finished results that are not kept any longer. Workers do so by "
        "themselves, by the settings; what options here say goes before those."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        add_backend(parser, "Whose results, and whose settings.")
        parser.add_argument(
            "--days",
            type=_days,
            metavar="N",
            help="Keep successful and cancelled results for so long (keep_days).",
        )
        parser.add_argument(
            "--failed-days",
            type=_days,
            metavar="N",
            help="Keep failed results, and quarantined messages of all backends, for "
            "so long (keep_failed_days).",
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
            forget_queries()
            if self.stdout.isatty():
                self.stdout.write(f"\r{count:,}", ending="")
                self.stdout.flush()
        verb = "would be deleted" if options["dry_run"] else "deleted"
        self.stdout.write(f"{chr(13) if self.stdout.isatty() else ''}{count:,} {verb}.")
        if kept := describe_kept(retention):
            self.stderr.write(self.style.WARNING(kept))

    def _retention(self, options: dict[str, Any]) -> Retention:
        asked = {
            "days": options["days"],
            "failed_days": options["failed_days"],
            "quarantined_days": options["failed_days"],
            "most": options["most"],
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return replace(Retention.of(find_backend(options["backend"]).config), **given)
