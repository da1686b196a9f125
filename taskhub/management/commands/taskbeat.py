"""`manage.py taskbeat`: fire periodic tasks."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

import taskhub
from taskhub import compat
from taskhub.beat import Beat
from taskhub.brokers import get_broker
from taskhub.management.starting import (
    check_broker,
    check_database,
    configure_logging,
    describe_database,
    find_backend,
    stop_on_signals,
)
from taskhub.models import PeriodicTask

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Start a beat."""

    # Of what it uses. Others would load all of the pages of the site, and keep them.
    requires_system_checks = ("taskhub",)
    help = (
        "Fire periodic tasks. Any number of beats may run; each tick fires once. TERM "
        "or INT stops it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        parser.add_argument(
            "--backend",
            default=compat.DEFAULT_TASK_BACKEND_ALIAS,
            metavar="ALIAS",
            help="The entry of TASKS whose broker wakes it early.",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="Only say whether a beat could start, by the exit code.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what is needed, say what will run, and run it."""
        config = find_backend(options["backend"]).config
        check_database()
        check_broker(config)
        if options["check"]:
            return
        configure_logging(options["verbosity"])
        if options["verbosity"]:
            enabled = PeriodicTask.objects.filter(enabled=True).count()
            self.stdout.write(
                f"taskhub {taskhub.__version__}, beat\n"
                f"  schedules  {enabled} enabled, of {PeriodicTask.objects.count()}\n"
                f"  broker     {get_broker(config).address}\n"
                f"  database   {describe_database()}"
            )
            self.stdout.flush()
        beat = Beat(config)
        stop_on_signals(beat.stop)
        beat.run()
        logger.info("Stopped.")
