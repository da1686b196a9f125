"""Checks and output of commands that start a process."""

import logging
import signal
import time
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
from taskhub.db import discard_all
from taskhub.exceptions import BrokerError, NotPermitted
from taskhub.foundation.nearest import did_you_mean
from taskhub.foundation.stop_signals import SAME_STOP_SECONDS, STOP_SIGNALS
from taskhub.models.base import results_database
from taskhub.models.identity import identity_of


def find_backend(alias: str) -> TaskHubBackend:
    """Return a taskhub backend. Raise CommandError if it is missing or has faults."""
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


def disable_connection_pools() -> None:
    """
    Disable Django's connection pools in this process and its forks.

    Worker threads keep their connections, so a small pool would leave some without one.
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


def check_broker(
    config: Config, queues: Sequence[str] = (), *, take: bool = False
) -> list[str]:
    """
    Check that the broker can be used for `queues`, and return warnings about it.

    With `take`, the queues belong to this site's database from now on. Raise
    CommandError if the broker cannot be used, if permissions for the queues are
    missing, or if workers of another database work on these queues.
    """
    try:
        broker = get_broker(config)
        warnings = [*broker.check(queues), *broker.dangers()]
        _check_owner(config, queues or config.queues, take=take)
    except NotPermitted as error:
        raise CommandError(str(error)) from error
    except BrokerError as error:
        raise CommandError(
            f"{error} Start it, or correct "
            f"TASKS[{config.alias!r}]['OPTIONS']['broker_url']."
        ) from error
    broker.close()
    return warnings


def _check_owner(config: Config, queues: Sequence[str], *, take: bool) -> None:
    """Raise CommandError if workers of another database work on these queues."""
    broker = get_broker(config)
    identity = identity_of(results_database())
    if not identity:
        return
    others = broker.owned_by_others(queues, identity, take=False)
    if take and not others:
        # Take queues before worker processes have leases, which prevent a takeover.
        others = broker.owned_by_others(queues, identity, take=True)
    if others:
        raise CommandError(
            f"At {broker.address}, workers of another database work on queue "
            f"{', '.join(others)}: each site would run the other's tasks. Set another "
            f"key_prefix in TASKS[{config.alias!r}]['OPTIONS'] of one site. If this is "
            "the same site with a new database, stop the other workers first."
        )


def describe_database() -> str:
    """Return the alias and the kind of the results' database."""
    connection: Any = connections[results_database()]
    return f"{connection.alias!r} ({connection.display_name})"


def print_banner(stdout: OutputWrapper, title: str, facts: Mapping[str, str]) -> None:
    """Print the version, the title and a line for each fact."""
    stdout.write(f"taskhub {taskhub.__version__}, {title}")
    for name, value in facts.items():
        stdout.write(f"  {name:<10} {value}")
    stdout.flush()


def configure_logging(verbosity: int) -> None:
    """Log to the console if the site has no LOGGING setting."""
    if settings.LOGGING:
        return
    level = [logging.WARNING, logging.INFO, logging.DEBUG, logging.DEBUG][verbosity]
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    handler.addFilter(_is_not_logged_by_root)
    for name in ("taskhub", compat.LOGGER_NAME):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
        # With DEBUG, Django's console handler would repeat the lines. Without DEBUG,
        # Django needs the errors to mail them to ADMINS.
        logger.propagate = not (settings.DEBUG and name.startswith("django."))


def _is_not_logged_by_root(record: logging.LogRecord) -> bool:
    """Return whether no handler of the site on the root logger gets a record."""
    propagates = logging.getLogger(compat.LOGGER_NAME).propagate
    is_own = record.name.startswith("taskhub")
    return not (logging.root.handlers and (is_own or propagates))


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` at a TERM, INT or HUP. A later one ends the process."""
    first_at: float | None = None

    def handle(number: int, frame: object) -> None:
        nonlocal first_at
        now = time.monotonic()
        if first_at is None:
            first_at = now
            stop()
        elif now - first_at >= SAME_STOP_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number in STOP_SIGNALS:
        signal.signal(number, handle)
