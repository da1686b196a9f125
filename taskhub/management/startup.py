"""What commands that start a process check first, and how they speak."""

import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

import taskhub
from taskhub.backend import TaskHubBackend
from taskhub.brokers import get_broker
from taskhub.compat import django_tasks as compat
from taskhub.conf import Config
from taskhub.discarding import discard_all
from taskhub.exceptions import BrokerError, NotPermitted
from taskhub.foundation.nearest import did_you_mean
from taskhub.models.base import results_database
from taskhub.models.identity import identity_of


def find_backend(alias: str) -> TaskHubBackend:
    """Return a backend of ours. Raise CommandError if it is none, or has faults."""
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


def leave_pools() -> None:
    """
    Do without Django's pools in this process, and in those that it forks.

    Each thread keeps a connection, or parks it: from a pool that is smaller than the
    threads are many, some would never get one.
    """
    pooled = [
        alias
        for alias in connections
        if "pool" in connections.settings[alias]["OPTIONS"]
    ]
    if pooled:
        discard_all(for_fork=True)
    for alias in pooled:
        del connections.settings[alias]["OPTIONS"]["pool"]


def check_database() -> None:
    """Raise CommandError if the database cannot be used, or lacks migrations."""
    alias = results_database()
    try:
        executor = MigrationExecutor(connections[alias])
    except DatabaseError as error:
        raise CommandError(
            f"Cannot use the database {alias!r}: {str(error).strip()}"
        ) from error
    targets = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "taskhub"]
    missing = executor.migration_plan(targets)
    if missing:
        raise CommandError(
            f"The database {alias!r} lacks {len(missing)} migration(s) of taskhub; "
            f"run: python manage.py migrate --database {alias}"
        )


def check_broker(config: Config, queues: Sequence[str] = ()) -> list[str]:
    """
    Raise CommandError if the broker cannot be used now, for these queues.

    Return a sentence for each thing that should be changed all the same.
    """
    try:
        broker = get_broker(config)
        notices = [*broker.check(queues), *broker.dangers()]
        _check_owner(config, queues or config.queues)
    except NotPermitted as error:
        raise CommandError(str(error)) from error
    except BrokerError as error:
        raise CommandError(
            f"{error} Start it, or correct "
            f"TASKS[{config.alias!r}]['OPTIONS']['broker_url']."
        ) from error
    broker.close()
    return notices


def _check_owner(config: Config, queues: Sequence[str]) -> None:
    """Raise CommandError if workers of another database are at work on these queues."""
    broker = get_broker(config)
    identity = identity_of(results_database())
    if identity and (others := broker.owned_by_others(queues, identity, take=False)):
        raise CommandError(
            f"At {broker.address}, workers of another database are at work on queue "
            f"{', '.join(others)}: each site would run the other's tasks. Set another "
            f"key_prefix in TASKS[{config.alias!r}]['OPTIONS'] of one of them; or, if "
            "this is the same site with a new database, stop these workers first."
        )


def describe_database() -> str:
    """Return which database it is, for people."""
    connection: Any = connections[results_database()]
    return f"{connection.alias!r} ({connection.display_name})"


def greet(stdout: OutputWrapper, who: str, facts: Mapping[str, str]) -> None:
    """Say who is there, and what there is to know of it, a line each."""
    stdout.write(f"taskhub {taskhub.__version__}, {who}")
    for word, text in facts.items():
        stdout.write(f"  {word:<10} {text}")
    stdout.flush()


def configure_logging(verbosity: int) -> None:
    """Show taskhub's own lines where the site has not said what to log."""
    if settings.LOGGING:
        return
    level = [logging.WARNING, logging.INFO, logging.DEBUG, logging.DEBUG][verbosity]
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    handler.addFilter(_is_not_shown_by_root)
    for name in ("taskhub", compat.LOGGER_NAME):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
        # With DEBUG, Django's console handler would show it again; without, Django
        # mails errors to ADMINS, and should hear of them.
        logger.propagate = not (settings.DEBUG and name.startswith("django."))


def _is_not_shown_by_root(record: logging.LogRecord) -> bool:
    """Whether the site, or a task, has put no handler on the root logger."""
    propagates = logging.getLogger(compat.LOGGER_NAME).propagate
    is_own = record.name.startswith("taskhub")
    return not (logging.root.handlers and (is_own or propagates))


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Have TERM, INT and HUP call `stop`, once; a second one ends the process."""

    def handle(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handle)
