"""`manage.py taskworker`: run tasks."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import taskhub
from taskhub import compat
from taskhub.backend import TaskHubBackend
from taskhub.beat import Beat
from taskhub.brokers import get_broker
from taskhub.conf import name_fault
from taskhub.discarding import discard_all
from taskhub.management.starting import (
    at_least_one,
    check_broker,
    check_database,
    configure_logging,
    describe_database,
    find_backend,
    stop_on_signals,
)
from taskhub.nearest import did_you_mean
from taskhub.tasks import registered_tasks
from taskhub.worker.children import Companion
from taskhub.worker.node import Node
from taskhub.worker.supervisor import Supervisor

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
        parser.add_argument(
            "--backend",
            default=compat.DEFAULT_TASK_BACKEND_ALIAS,
            metavar="ALIAS",
            help="Which entry of TASKS to work for.",
        )
        parser.add_argument(
            "--queues",
            type=lambda text: tuple(filter(None, text.split(","))),
            metavar="A,B",
            help="Names of queues, separated by commas; they take turns. All of the "
            "backend's by default.",
        )
        parser.add_argument(
            "--processes",
            type=at_least_one,
            default=os.cpu_count() or 1,
            metavar="N",
            help="How many processes run tasks (default: one for each core, here "
            "%(default)s).",
        )
        parser.add_argument(
            "--threads",
            type=at_least_one,
            default=1,
            metavar="N",
            help="How many sync tasks each process runs at a time.",
        )
        parser.add_argument(
            "--async-tasks",
            type=at_least_one,
            default=100,
            metavar="N",
            help="How many async tasks each process runs at a time (default: "
            "%(default)s).",
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=25.0,
            metavar="SECONDS",
            help="How long after a signal to stop it has ended (default: %(default)g, "
            "for Kubernetes' 30). What still runs shortly before is given back.",
        )
        parser.add_argument(
            "--tasks-per-process",
            type=at_least_one,
            metavar="N",
            help="Replace a process after it has run so many tasks.",
        )
        parser.add_argument(
            "--memory-per-process",
            type=at_least_one,
            metavar="MIB",
            help="Replace a process, after a task, that has grown beyond this.",
        )
        parser.add_argument(
            "--health-port",
            type=at_least_one,
            metavar="PORT",
            help="Answer probes over HTTP: /live and /ready.",
        )
        parser.add_argument(
            "--health-host",
            default="127.0.0.1",
            metavar="HOST",
            help="The address to answer on (default: %(default)s; 0.0.0.0 for all).",
        )
        parser.add_argument(
            "--drain",
            action="store_true",
            help="Work until the queues are empty, and end. What is not due yet is "
            "not waited for.",
        )
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
        parser.add_argument(
            "--check",
            action="store_true",
            help="Only say whether a worker could start, by the exit code.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what is needed, say what will run, and run it."""
        if not hasattr(os, "fork"):
            raise CommandError("taskworker forks, which this system cannot; use WSL.")
        backend = find_backend(options["backend"])
        node = Node(
            config=backend.config,
            queues=self._choose_queues(backend, options["queues"]),
            processes=options["processes"],
            threads=options["threads"],
            async_tasks=options["async_tasks"],
            grace_seconds=options["grace"],
            tasks_per_process=options["tasks_per_process"],
            memory_per_process=options["memory_per_process"],
            health_host=options["health_host"],
            health_port=options["health_port"],
            drain=options["drain"],
        )
        check_database()
        check_broker(node.config)
        # A fork must not inherit a connection.
        discard_all(for_fork=True)
        if options["check"]:
            return
        configure_logging(options["verbosity"])
        companions = [_beat_of(node)] if options["beat"] else []
        supervisor = Supervisor(node, companions, reload=options["reload"])
        # Before it is said to be there: who reads that may already want it to stop.
        supervisor.hear_signals()
        if options["verbosity"]:
            self._greet(node, beats=options["beat"])
        sys.exit(supervisor.run())

    def _choose_queues(
        self, backend: TaskHubBackend, wanted: tuple[str, ...] | None
    ) -> tuple[str, ...]:
        known = backend.config.queues
        if not wanted:
            return known or (compat.DEFAULT_TASK_QUEUE_NAME,)
        for name in wanted:
            if fault := name_fault(name):
                raise CommandError(f"--queues: {fault}.")
            if known and name not in known:
                raise CommandError(
                    f"Queue {name!r} is not in TASKS[{backend.alias!r}]['QUEUES']"
                    f"{did_you_mean(name, known)}"
                )
        return tuple(dict.fromkeys(wanted))

    def _greet(self, node: Node, *, beats: bool) -> None:
        tasks = list(registered_tasks())
        names = ", ".join(tasks[:_MOST_NAMES]) or "none: is there a tasks.py in an app?"
        more = (
            f", and {len(tasks) - _MOST_NAMES} more" if len(tasks) > _MOST_NAMES else ""
        )
        lines = {
            "queues": ", ".join(node.queues),
            "processes": f"{node.processes}, each with {node.threads} thread(s) and up "
            f"to {node.async_tasks} async tasks",
            "beat": "yes" if beats else "no",
            "broker": get_broker(node.config).address,
            "database": describe_database(),
            "tasks": f"{len(tasks)}: {names}{more}",
        }
        self.stdout.write(f"taskhub {taskhub.__version__}, node {node.name}")
        for word, text in lines.items():
            self.stdout.write(f"  {word:<10} {text}")
        self.stdout.flush()


def _beat_of(node: Node) -> Companion:
    def run(is_wanted: Callable[[], bool]) -> None:
        beat = Beat(node.config, is_wanted=is_wanted)
        stop_on_signals(beat.stop)
        beat.run()

    return Companion("beat", run)
