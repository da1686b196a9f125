"""System checks of databases, apps and schedules; the backend checks `TASKS`."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, connections, router

from taskhub.compat import django_tasks as compat
from taskhub.conf import Config, configs
from taskhub.schedules import zone_fault
from taskhub.tasks import declared_schedules

#: Two UUIDs of version 7. The second has the later time, but smaller remaining bits.
_IDS_IN_ORDER = (
    "00000000-0000-7000-8000-000000000002",
    "00000000-0001-7000-8000-000000000001",
)


@register("taskhub")
def check_required_app(**kwargs: Any) -> list[CheckMessage]:
    """Check that the backport of django.tasks is installed on Django 5.2."""
    if compat.REQUIRED_APP is None or apps.is_installed(compat.REQUIRED_APP):
        return []
    return [
        Error(
            f"{compat.REQUIRED_APP!r} is not in INSTALLED_APPS.",
            hint="Django 5.2 has no tasks of its own; add the backport beside taskhub.",
            id="taskhub.E002",
        )
    ]


@register("taskhub")
def check_time_zones(**kwargs: Any) -> list[CheckMessage]:
    """Check that USE_TZ is True, so that times are aware."""
    if settings.USE_TZ:
        return []
    return [
        Error(
            "USE_TZ is False.",
            hint="taskhub keeps aware times; set USE_TZ = True, as Django does now.",
            id="taskhub.E004",
        )
    ]


@register("taskhub")
def check_autocommit(**kwargs: Any) -> list[CheckMessage]:
    """Check that AUTOCOMMIT is True, which transaction.on_commit() requires."""
    alias = router.db_for_write(apps.get_model("taskhub.TaskResult"))
    if connections.settings[alias].get("AUTOCOMMIT", True):
        return []
    return [
        Error(
            f"AUTOCOMMIT is False in DATABASES[{alias!r}], where results are written.",
            hint="Leave it at True, and use transaction.atomic() or ATOMIC_REQUESTS.",
            id="taskhub.E006",
        )
    ]


@register("taskhub")
def check_results_database(**kwargs: Any) -> list[CheckMessage]:
    """Check that results are in the default database, and so in its transactions."""
    alias = router.db_for_write(apps.get_model("taskhub.TaskResult"))
    if alias == DEFAULT_DB_ALIAS:
        return []
    return [
        Warning(
            f"Results are written to the database {alias!r}.",
            hint=(
                "A task enqueued in a transaction of another database is not undone "
                "when that is rolled back."
            ),
            id="taskhub.W001",
        )
    ]


@register("taskhub")
def check_schedules_database(**kwargs: Any) -> list[CheckMessage]:
    """Check that a beat can write results and schedules in one transaction."""
    results = router.db_for_write(apps.get_model("taskhub.TaskResult"))
    schedules = router.db_for_write(apps.get_model("taskhub.PeriodicTask"))
    if results == schedules:
        return []
    return [
        Error(
            f"Results are in the database {results!r}, schedules in {schedules!r}.",
            hint="Let the router send all of taskhub's models to the same database.",
            id="taskhub.E003",
        )
    ]


@register("taskhub")
def check_declared_schedules(**kwargs: Any) -> list[CheckMessage]:
    """Check the time zones of declared schedules."""
    return [
        Warning(
            f"The schedule {declared.name!r} that the code declares: {error}",
            hint="Correct it, or update the time zones (tzdata) of this host.",
            id="taskhub.W003",
        )
        for declared in declared_schedules().values()
        if (error := zone_fault(declared.schedule))
    ]


@register("taskhub", deploy=True)
def check_immediate_runs(**kwargs: Any) -> list[CheckMessage]:
    """Check that a deployed site leaves its tasks to workers."""
    if settings.DEBUG:
        return []
    return [
        Warning(
            f"TASKS[{config.alias!r}]['OPTIONS']['run'] is 'immediately', although "
            "DEBUG is False.",
            hint=(
                "Tasks run in the requests that enqueue them, and no worker retries "
                "them later; set it to 'workers', the default."
            ),
            id="taskhub.W005",
        )
        for config in configs()
        if config.options.run == "immediately"
    ]


@register("taskhub")
def check_backends_apart(**kwargs: Any) -> list[CheckMessage]:
    """Check that no two backends share a queue in Redis."""
    in_redis = [
        config
        for config in configs()
        if not config.options.broker_url.startswith("database:")
    ]
    return [
        Error(
            f"The backends {one.alias!r} and {other.alias!r} have the same broker_url "
            f"and key_prefix, and {shared} in common.",
            hint=(
                "Each would take the other's messages, and quarantine them; give one "
                "of them a key_prefix, or queues, of its own."
            ),
            id="taskhub.E005",
        )
        for one, other in combinations(in_redis, 2)
        if _address_of(one) == _address_of(other)
        and (shared := _name_shared_queue(one, other))
    ]


def _address_of(config: Config) -> tuple[str, ...]:
    """Return the key prefix, database and hosts of a backend, in a normal form."""
    parts = urlsplit(config.options.broker_url)
    hosts = [
        host if ":" in host else f"{host}:6379"
        for host in parts.netloc.rpartition("@")[2].split(",")
    ]
    return config.options.key_prefix, parts.path.rstrip("/") or "/0", *sorted(hosts)


def _name_shared_queue(one: Config, other: Config) -> str:
    """Return a phrase that names a queue of both backends; "" if there is none."""
    if not (one.queues and other.queues):
        return "any queue"
    names = sorted({*one.queues} & {*other.queues})
    return f"the queue {names[0]!r}" if names else ""


def _results_connection(databases: Sequence[str] | None, vendor: str) -> Any:
    """Return the results' connection, if it is in `databases` and of this vendor."""
    alias = router.db_for_write(apps.get_model("taskhub.TaskResult"))
    connection: Any = connections[alias]
    is_checked = alias in (databases or ()) and connection.vendor == vendor
    return connection if is_checked else None


@register(Tags.database)
def check_sqlite_transactions(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that concurrent transactions of SQLite wait for each other."""
    connection = _results_connection(databases, "sqlite")
    if (
        connection is None
        or connection.settings_dict["OPTIONS"].get("transaction_mode") == "IMMEDIATE"
    ):
        return []
    return [
        Warning(
            f"The SQLite database {connection.alias!r} uses deferred transactions.",
            hint=(
                "Set OPTIONS: {'transaction_mode': 'IMMEDIATE', 'timeout': 20} so that "
                "workers and the site wait for each other, and do not fail with "
                "'database is locked'."
            ),
            id="taskhub.W002",
        )
    ]


@register(Tags.database)
def check_order_of_ids(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that MariaDB sorts ids by time."""
    connection = _results_connection(databases, "mysql")
    if connection is None or not connection.features.has_native_uuid_field:
        return []
    with connection.cursor() as cursor:
        # A query, since the affected versions differ by series.
        cursor.execute("SELECT CAST(%s AS UUID) < CAST(%s AS UUID)", _IDS_IN_ORDER)
        (is_in_order,) = cursor.fetchone()
    if is_in_order:
        return []
    return [
        Warning(
            f"The database {connection.alias!r} does not sort UUIDs of version 7 by "
            "their time.",
            hint=(
                "Lists are in no order, and since(), before() and the sweep miss rows. "
                "Use MariaDB 10.11.6 or later, and rebuild tables that were made "
                "before: ALTER TABLE taskhub_taskresult FORCE."
            ),
            id="taskhub.W004",
        )
    ]
