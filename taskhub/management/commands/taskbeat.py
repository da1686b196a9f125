"""`manage.py taskbeat`: fire periodic tasks."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from taskhub.beat import Beat
from taskhub.brokers import get_broker
from taskhub.management.network_timeouts import bound_network_waits
from taskhub.management.options import add_backend, add_check
from taskhub.management.startup import (
    check_broker,
    check_database,
    configure_logging,
    describe_database,
    find_backend,
    greet,
    leave_pools,
    stop_on_signals,
)
from taskhub.models import PeriodicTask
from taskhub.worker.process_signals import send_ending, send_started

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
        add_backend(parser, "The entry of TASKS whose broker wakes it early.")
        add_check(parser, "a beat")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what is needed, say what will run, and run it."""
        config = find_backend(options["backend"]).config
        leave_pools()
        bound_network_waits()
        check_database()
        for notice in check_broker(config):
            self.stderr.write(self.style.WARNING(notice))
        if options["check"]:
            return
        configure_logging(options["verbosity"])
        if options["verbosity"]:
            schedules = PeriodicTask.writing.all()
            enabled = schedules.filter(enabled=True)
            facts = {
                "schedules": f"{enabled.count()} enabled, of {schedules.count()}",
                "broker": get_broker(config).address,
                "database": describe_database(),
            }
            greet(self.stdout, "beat", facts)
        beat = Beat(config)
        stop_on_signals(beat.stop)
        send_started("beat")
        beat.run()
        send_ending()
        logger.info("Stopped.")
