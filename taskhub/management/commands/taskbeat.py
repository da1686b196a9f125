"""`manage.py taskbeat`: fire periodic tasks."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from taskhub.beat import Beat
from taskhub.brokers import get_broker
from taskhub.management.network_timeouts import set_network_timeouts
from taskhub.management.options import add_backend, add_check
from taskhub.management.startup import (
    check_broker,
    check_database,
    configure_logging,
    describe_database,
    disable_connection_pools,
    find_backend,
    print_banner,
    stop_on_signals,
)
from taskhub.models import PeriodicTask
from taskhub.worker.process_signals import send_ending, send_started

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Start a beat."""

    # Other checks would load the site's URLs and views, and increase memory use.
    requires_system_checks = ("taskhub",)
    help = (
        "Fire periodic tasks. Several beats may run; each tick fires once. TERM or INT "
        "stops the beat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_backend(parser, "The entry of TASKS whose broker wakes the beat early.")
        add_check(parser, "a beat")

    def handle(self, *args: Any, **options: Any) -> None:
        config = find_backend(options["backend"]).config
        disable_connection_pools()
        set_network_timeouts()
        check_database()
        for warning in check_broker(config):
            self.stderr.write(self.style.WARNING(warning))
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
            print_banner(self.stdout, "beat", facts)
        beat = Beat(config)
        stop_on_signals(beat.stop)
        send_started("beat")
        beat.run()
        send_ending()
        logger.info("Stopped.")
