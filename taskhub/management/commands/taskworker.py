"""`manage.py taskworker`: run tasks."""

import os
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from taskhub.beat import Beat
from taskhub.brokers import get_broker
from taskhub.db import discard_all
from taskhub.management.fork_safety import thread_warnings
from taskhub.management.network_timeouts import set_network_timeouts
from taskhub.management.node_options import add_node_options, make_node
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
from taskhub.tasks import registered_tasks
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.process_signals import send_started
from taskhub.worker.steward.health import listen_for_probes
from taskhub.worker.supervisor.children import Companion
from taskhub.worker.supervisor.supervisor import Supervisor

#: How many tasks the banner names.
MAX_TASK_NAMES = 12


class Command(BaseCommand):
    """Start a node: a supervisor, its worker processes and a steward."""

    # Other checks would load the site's URLs and views, and increase memory use.
    requires_system_checks = ("taskhub",)
    help = (
        "Run tasks. TERM or INT stops the node gracefully: running tasks may finish "
        "within the grace period, and other tasks are given back. A second signal "
        "stops it at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_backend(parser, "The entry of TASKS to work for.")
        add_node_options(parser)
        parser.add_argument(
            "--beat",
            action="store_true",
            help="Also fire periodic tasks, in a process of this node. Several nodes "
            "may do so: each tick fires once.",
        )
        parser.add_argument(
            "--reload",
            action="store_true",
            help="Restart when the code changes, for development.",
        )
        add_check(parser, "a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        if not hasattr(os, "fork"):
            raise CommandError("taskworker needs os.fork(); on Windows, use WSL.")
        config = find_backend(options["backend"]).config
        if config.options.run == "immediately":
            raise CommandError(
                f"TASKS[{config.alias!r}]['OPTIONS']['run'] is 'immediately': tasks "
                "run where they are enqueued, and need no worker; set it to 'workers' "
                "to use one."
            )
        node = make_node(config, options)
        disable_connection_pools()
        set_network_timeouts()
        check_database()
        take = not options["check"]
        for warning in check_broker(node.config, node.queues, take=take):
            self.stderr.write(self.style.WARNING(warning))
        # A fork must not inherit a connection.
        discard_all(for_fork=True)
        if options["check"]:
            return
        for warning in thread_warnings():
            self.stderr.write(self.style.WARNING(warning))
        configure_logging(options["verbosity"])
        companions = [_make_beat(node)] if options["beat"] else []
        supervisor = Supervisor(
            node, companions, probes=_listen(node), reload=options["reload"]
        )
        # Before the banner: a script that reads the banner may send a signal at once.
        supervisor.hear_signals()
        if options["verbosity"]:
            self._print_banner(node, has_beat=options["beat"])
        sys.exit(supervisor.run())

    def _print_banner(self, node: NodeOptions, *, has_beat: bool) -> None:
        tasks = list(registered_tasks())
        names = ", ".join(tasks[:MAX_TASK_NAMES]) or "is there a tasks.py in an app?"
        more = len(tasks) - MAX_TASK_NAMES
        facts = {
            "queues": ", ".join(node.queues),
            "processes": f"{node.processes}, each with {node.threads} thread(s) and up "
            f"to {node.async_tasks} async tasks",
            "beat": "yes" if has_beat else "no",
            "broker": get_broker(node.config).address,
            "database": describe_database(),
            "tasks": f"{len(tasks)}: {names}{f', and {more} more' if more > 0 else ''}",
        }
        print_banner(self.stdout, f"node {node.name}", facts)


def _listen(node: NodeOptions) -> socket.socket | None:
    """Open the port for probes. Raise CommandError if that fails."""
    if node.health_port is None:
        return None
    try:
        return listen_for_probes(node.health_host, node.health_port)
    # UnicodeError: the host is not a valid name.
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(
            f"Cannot answer probes on {node.health_host} port {node.health_port}: "
            f"{reason}; choose another --health-host or --health-port."
        ) from error


def _make_beat(node: NodeOptions) -> Companion:
    """Return a companion process for the supervisor, which runs a beat."""

    def run(is_wanted: Callable[[], bool]) -> None:
        beat = Beat(node.config, is_wanted=is_wanted)
        stop_on_signals(beat.stop)
        send_started("beat")
        beat.run()

    return Companion("beat", run)
