"""`manage.py taskprune`: delete finished results that have expired."""

from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand

from taskhub.db import forget_queries
from taskhub.management.options import add_backend, at_least_one, number_up_to
from taskhub.management.startup import check_database, find_backend
from taskhub.operations.pruning import Retention, describe_kept, prune

#: The settings have the same maximum.
_days = number_up_to(36_600)


class Command(BaseCommand):
    """Prune results without waiting for a steward."""

    help = (
        "Delete finished results that have expired, as workers do. The options here "
        "override the settings."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_backend(parser, "The backend whose results and settings are used.")
        parser.add_argument(
            "--days",
            type=_days,
            metavar="N",
            help="Keep successful and cancelled results for N days (keep_days).",
        )
        parser.add_argument(
            "--failed-days",
            type=_days,
            metavar="N",
            help="Keep failed results, and quarantined messages of all backends, for N "
            "days (keep_failed_days).",
        )
        parser.add_argument(
            "--most",
            type=at_least_one,
            metavar="N",
            help="Keep at most N finished results (keep_most).",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Only count what would be deleted."
        )

    def handle(self, *args: Any, **options: Any) -> None:
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
        overrides = {
            "days": options["days"],
            "failed_days": options["failed_days"],
            "quarantined_days": options["failed_days"],
            "most": options["most"],
        }
        given = {name: value for name, value in overrides.items() if value is not None}
        return replace(Retention.of(find_backend(options["backend"]).config), **given)
