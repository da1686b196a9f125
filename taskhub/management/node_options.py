"""The options of `taskworker` that describe a node."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from taskhub.compat import django_tasks as compat
from taskhub.conf import Config, name_fault
from taskhub.foundation.nearest import did_you_mean
from taskhub.management.cpu_count import allowed_cpus
from taskhub.management.options import at_least_one, number_up_to, port
from taskhub.worker.node_options import NodeOptions

#: One week.
MAX_GRACE_SECONDS = 604_800


def add_node_options(parser: ArgumentParser) -> None:
    """Add the options that make_node() reads."""
    _add_work_options(parser)
    _add_replacement_options(parser)
    _add_stop_options(parser)
    _add_health_options(parser)


def make_node(config: Config, options: Mapping[str, Any]) -> NodeOptions:
    """Return a node's options. Raise CommandError for unknown or invalid queues."""
    return NodeOptions(
        config=config,
        queues=_choose_queues(config, options["queues"]),
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


def _choose_queues(config: Config, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the wanted queues; without any, all queues of the backend."""
    known = config.queues
    if not wanted:
        return known or (compat.DEFAULT_TASK_QUEUE_NAME,)
    for name in wanted:
        if fault := name_fault(name):
            raise CommandError(f"--queues: {fault}.")
        if known and name not in known:
            raise CommandError(
                f"Queue {name!r} is not in TASKS[{config.alias!r}]['QUEUES']"
                f"{did_you_mean(name, known)}"
            )
    return tuple(dict.fromkeys(wanted))


def _add_work_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--queues",
        type=lambda text: tuple(filter(None, text.split(","))),
        metavar="A,B",
        help="The names of queues, separated by commas. The queues take turns "
        "(default: all queues of the backend).",
    )
    parser.add_argument(
        "--processes",
        type=at_least_one,
        default=allowed_cpus(),
        metavar="N",
        help="The number of worker processes (default: the number of CPUs that this "
        "process may use, here %(default)s).",
    )
    parser.add_argument(
        "--threads",
        type=at_least_one,
        default=1,
        metavar="N",
        help="How many sync tasks each process runs at a time (default: %(default)s).",
    )
    parser.add_argument(
        "--async-tasks",
        type=at_least_one,
        default=100,
        metavar="N",
        help="How many async tasks each process runs at a time (default: %(default)s).",
    )


def _add_replacement_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--tasks-per-process",
        type=at_least_one,
        metavar="N",
        help="Replace a process after this number of tasks.",
    )
    parser.add_argument(
        "--memory-per-process",
        type=at_least_one,
        metavar="MIB",
        help="Replace a process that uses more memory after a task.",
    )


def _add_stop_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--grace",
        type=number_up_to(MAX_GRACE_SECONDS),
        default=25.0,
        metavar="SECONDS",
        help="The node ends within this time after a signal to stop (default: "
        "%(default)g, for Kubernetes' 30). Tasks that still run shortly before the end "
        "are given back.",
    )
    parser.add_argument(
        "--drain",
        action="store_true",
        help="End when the queues have no due messages.",
    )


def _add_health_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--health-port",
        type=port,
        metavar="PORT",
        help="The port for HTTP probes: /live and /ready (default: none).",
    )
    parser.add_argument(
        "--health-host",
        default="127.0.0.1",
        metavar="HOST",
        help="The address for probes (default: %(default)s; 0.0.0.0 or :: for all).",
    )
