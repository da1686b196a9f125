"""`manage.py taskworker`: run tasks."""

import logging
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

import taskhub
from taskhub import compat
from taskhub.backend import TaskHubBackend
from taskhub.brokers import get_broker
from taskhub.conf import name_fault
from taskhub.exceptions import BrokerError
from taskhub.models.results import results_database
from taskhub.nearest import did_you_mean
from taskhub.tasks import registered_tasks
from taskhub.worker.node import Node
from taskhub.worker.supervisor import Supervisor

#: How many task names the greeting lists.
_MOST_NAMES = 12


class Command(BaseCommand):
    """Start a node: a supervisor, its worker processes and a steward."""

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
            type=_at_least_one,
            default=os.cpu_count() or 1,
            metavar="N",
            help="How many processes run tasks (default: one for each core, here "
            "%(default)s).",
        )
        parser.add_argument(
            "--threads",
            type=_at_least_one,
            default=1,
            metavar="N",
            help="How many sync tasks each process runs at a time.",
        )
        parser.add_argument(
            "--async-tasks",
            type=_at_least_one,
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
            help="How long running tasks may go on after a signal to stop (default: "
            "%(default)g, for Kubernetes' 30).",
        )
        parser.add_argument(
            "--drain",
            action="store_true",
            help="Work until the queues are empty, and end. What is not due yet is "
            "not waited for.",
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
        backend = self._find_backend(options["backend"])
        node = Node(
            config=backend.config,
            queues=self._choose_queues(backend, options["queues"]),
            processes=options["processes"],
            threads=options["threads"],
            async_tasks=options["async_tasks"],
            grace_seconds=options["grace"],
            drain=options["drain"],
        )
        self._check_database()
        self._check_broker(node)
        # A fork must not inherit a connection.
        connections.close_all()
        if options["check"]:
            return
        _configure_logging(options["verbosity"])
        if options["verbosity"]:
            self._greet(node)
        sys.exit(Supervisor(node, reload=options["reload"]).run())

    def _find_backend(self, alias: str) -> TaskHubBackend:
        try:
            backend = compat.task_backends[alias]
        except compat.InvalidTaskBackend:
            known = list(compat.task_backends.settings)
            raise CommandError(
                f"There is no backend {alias!r} in TASKS{did_you_mean(alias, known)}"
            ) from None
        if not isinstance(backend, TaskHubBackend):
            raise CommandError(
                f"TASKS[{alias!r}]['BACKEND'] is "
                f"'{type(backend).__module__}.{type(backend).__qualname__}'; expected "
                "'taskhub.backend.TaskHubBackend'."
            )
        if backend.faults:
            raise CommandError(" ".join(backend.faults))
        return backend

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

    def _check_database(self) -> None:
        alias = results_database()
        try:
            executor = MigrationExecutor(connections[alias])
        except DatabaseError as error:
            raise CommandError(
                f"Cannot use the database {alias!r}: {str(error).strip()}"
            ) from error
        targets = [
            key for key in executor.loader.graph.leaf_nodes() if key[0] == "taskhub"
        ]
        missing = executor.migration_plan(targets)
        if missing:
            raise CommandError(
                f"The database {alias!r} lacks {len(missing)} migration(s) of taskhub; "
                f"run: python manage.py migrate --database {alias}"
            )

    def _check_broker(self, node: Node) -> None:
        try:
            broker = get_broker(node.config)
            broker.check()
        except BrokerError as error:
            raise CommandError(
                f"{error} Start it, or correct "
                f"TASKS[{node.config.alias!r}]['OPTIONS']['broker_url']."
            ) from error
        broker.close()

    def _greet(self, node: Node) -> None:
        connection: Any = connections[results_database()]
        tasks = list(registered_tasks())
        names = ", ".join(tasks[:_MOST_NAMES]) or "none: is there a tasks.py in an app?"
        more = (
            f", and {len(tasks) - _MOST_NAMES} more" if len(tasks) > _MOST_NAMES else ""
        )
        lines = {
            "queues": ", ".join(node.queues),
            "processes": f"{node.processes}, each with {node.threads} thread(s) and up "
            f"to {node.async_tasks} async tasks",
            "broker": get_broker(node.config).address,
            "database": f"{connection.alias!r} ({connection.display_name})",
            "tasks": f"{len(tasks)}: {names}{more}",
        }
        self.stdout.write(f"taskhub {taskhub.__version__}, node {node.name}")
        for word, text in lines.items():
            self.stdout.write(f"  {word:<10} {text}")
        self.stdout.flush()


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number from 1, not {text!r}")
    return int(text)


def _configure_logging(verbosity: int) -> None:
    """Show the worker's own lines where the site has not said what to log."""
    if settings.LOGGING:
        return
    level = [logging.WARNING, logging.INFO, logging.DEBUG, logging.DEBUG][verbosity]
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    for name in ("taskhub", compat.LOGGER_NAME):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
        # With DEBUG, Django's console handler would say it again; without, Django
        # mails errors to ADMINS, and should hear of them.
        logger.propagate = not settings.DEBUG
