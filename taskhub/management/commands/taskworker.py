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
from taskhub.discarding import discard_all
from taskhub.management.fork_safety import warn_of_threads
from taskhub.management.network_timeouts import bound_network_waits
from taskhub.management.node_options import add_node_options, node_of
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
from taskhub.tasks import registered_tasks
from taskhub.worker.node_options import NodeOptions
from taskhub.worker.process_signals import send_started
from taskhub.worker.steward.health import listen_for_probes
from taskhub.worker.supervisor.children import Companion
from taskhub.worker.supervisor.supervisor import Supervisor

#: How many task names the greeting lists.
_MOST_NAMES = 12


class Command(BaseCommand):
    """Start a node: a supervisor, its worker processes and a steward."""

    # Of what it uses. Others would load all of the pages of the site, and keep them.
    requires_system_checks = ("taskhub",)
    help = (
        "Run tasks. TERM or INT stops it gracefully: what runs may finish within the "
        "grace period, the rest is given back. A second signal stops it at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the options."""
        add_backend(parser, "Which entry of TASKS to work for.")
        add_node_options(parser)
        parser.add_argument(
            "--beat",
            action="store_true",
            help="Fire periodic tasks, too, from a process of this node. Any number of "
            "nodes may: each tick fires once.",
        )
        parser.add_argument(
            "--reload",
            action="store_true",
            help="For development: start anew when the code changes.",
        )
        add_check(parser, "a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what is needed, say what will run, and run it."""
        if not hasattr(os, "fork"):
            raise CommandError("taskworker forks, which this system cannot; use WSL.")
        node = node_of(find_backend(options["backend"]).config, options)
        leave_pools()
        bound_network_waits()
        check_database()
        for notice in check_broker(node.config, node.queues):
            self.stderr.write(self.style.WARNING(notice))
        # A fork must not inherit a connection.
        discard_all(for_fork=True)
        if options["check"]:
            return
        for notice in warn_of_threads():
            self.stderr.write(self.style.WARNING(notice))
        configure_logging(options["verbosity"])
        companions = [_beat_of(node)] if options["beat"] else []
        supervisor = Supervisor(
            node, companions, probes=_listen(node), reload=options["reload"]
        )
        # Before it is said to be there: who reads that may already want it to stop.
        supervisor.hear_signals()
        if options["verbosity"]:
            self._greet(node, beats=options["beat"])
        sys.exit(supervisor.run())

    def _greet(self, node: NodeOptions, *, beats: bool) -> None:
        tasks = list(registered_tasks())
        names = ", ".join(tasks[:_MOST_NAMES]) or "none: is there a tasks.py in an app?"
        more = (
            f", and {len(tasks) - _MOST_NAMES} more" if len(tasks) > _MOST_NAMES else ""
        )
        facts = {
            "queues": ", ".join(node.queues),
            "processes": f"{node.processes}, each with {node.threads} thread(s) and up "
            f"to {node.async_tasks} async tasks",
            "beat": "yes" if beats else "no",
            "broker": get_broker(node.config).address,
            "database": describe_database(),
            "tasks": f"{len(tasks)}: {names}{more}",
        }
        greet(self.stdout, f"node {node.name}", facts)


def _listen(node: NodeOptions) -> socket.socket | None:
    """Open the port for probes. Raise CommandError if it cannot be had."""
    if node.health_port is None:
        return None
    try:
        return listen_for_probes(node.health_host, node.health_port)
    # UnicodeError: of a host that can have no such name.
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(
            f"Cannot answer probes on {node.health_host} port {node.health_port}: "
            f"{reason}; choose another --health-host or --health-port."
        ) from error


def _beat_of(node: NodeOptions) -> Companion:
    def run(is_wanted: Callable[[], bool]) -> None:
        beat = Beat(node.config, is_wanted=is_wanted)
        stop_on_signals(beat.stop)
        send_started("beat")
        beat.run()

    return Companion("beat", run)
