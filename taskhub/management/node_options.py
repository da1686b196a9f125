"""The options that describe a node, and the node that they describe."""

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

#: A week.
_LONGEST_GRACE_SECONDS = 604_800


def add_node_options(parser: ArgumentParser) -> None:
    """Add what node_of() reads."""
    _add_work(parser)
    _add_replacement(parser)
    _add_end(parser)
    _add_health(parser)


def node_of(config: Config, options: Mapping[str, Any]) -> NodeOptions:
    """Return the node. Raise CommandError if it is to work for unknown queues."""
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


def _add_work(parser: ArgumentParser) -> None:
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
        default=allowed_cpus(),
        metavar="N",
        help="How many processes run tasks (default: one for each CPU that it may "
        "use, here %(default)s).",
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
        help="How many async tasks each process runs at a time (default: %(default)s).",
    )


def _add_replacement(parser: ArgumentParser) -> None:
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


def _add_end(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--grace",
        type=number_up_to(_LONGEST_GRACE_SECONDS),
        default=25.0,
        metavar="SECONDS",
        help="How long after a signal to stop it has ended (default: %(default)g, "
        "for Kubernetes' 30). What still runs shortly before is given back.",
    )
    parser.add_argument(
        "--drain",
        action="store_true",
        help="Work until the queues are empty, and end. What is not due yet is "
        "not waited for.",
    )


def _add_health(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--health-port",
        type=port,
        metavar="PORT",
        help="Answer probes over HTTP: /live and /ready.",
    )
    parser.add_argument(
        "--health-host",
        default="127.0.0.1",
        metavar="HOST",
        help="The address to answer on (default: %(default)s; 0.0.0.0 or :: for all).",
    )
